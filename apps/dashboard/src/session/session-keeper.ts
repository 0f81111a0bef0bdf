import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Session } from '@certfleet/operator-api/session.ts';
import { Store } from '../app/store.ts';
import type { OperatorApi } from '../api/operator-api.ts';

export type SessionState =
  | { readonly name: 'asking' }
  | { readonly name: 'signed-in'; readonly session: Session }
  /** `hasEnded` when a session ended since the page was loaded. */
  | { readonly name: 'signed-out'; readonly hasEnded: boolean }
  | { readonly name: 'unknown'; readonly error: CertfleetError };

/** The session of the user. Only the server reads the cookie; the page knows a name and rights. */
export class SessionKeeper {
  readonly state = new Store<SessionState>({ name: 'asking' });
  readonly #api: Pick<OperatorApi, 'session' | 'signIn' | 'signOut'>;

  constructor(api: Pick<OperatorApi, 'session' | 'signIn' | 'signOut'>) {
    this.#api = api;
  }

  get session(): Session | undefined {
    return this.state.value.name === 'signed-in' ? this.state.value.session : undefined;
  }

  /** Loads the session from the server. */
  async ask(): Promise<void> {
    try {
      this.state.set({ name: 'signed-in', session: await this.#api.session() });
    } catch (thrown) {
      const error = asCertfleetError(thrown);
      if (error.code === 'unauthenticated') this.ended();
      else this.state.set({ name: 'unknown', error });
    }
  }

  /** @throws CertfleetError when the server rejects the token */
  async signIn(token: string): Promise<void> {
    this.state.set({ name: 'signed-in', session: await this.#api.signIn(token) });
  }

  async signOut(): Promise<void> {
    await this.#api.signOut();
    this.state.set({ name: 'signed-out', hasEnded: false });
  }

  /** The server reported that the session has ended. */
  ended(): void {
    if (this.state.value.name === 'signed-out') return;
    // Only a view that was in use has something to keep.
    this.state.set({ name: 'signed-out', hasEnded: this.state.value.name === 'signed-in' });
  }
}
