import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import { useServices } from '../app/services.ts';
import { useStore } from '../app/use-store.ts';
import { t } from '../messages/messages.ts';
import { CopiedText } from '../ui/copied-text.tsx';
import { Icon } from '../ui/icon.tsx';
import { createToken } from '../volumes/kubectl-command.ts';

/** Sign-in as a page of its own. */
export function SignInPage(): JSX.Element {
  const { title } = useServices();
  useEffect(() => title.showView(t.session.signIn), []);
  return (
    <main class="sign-in" id="main">
      <SignIn />
    </main>
  );
}

/**
 * Sign-in after the session has ended, over the hidden view: its dialogs, texts and selection are there again
 * afterwards.
 */
export function SignInDialog(): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    return () => dialog.current?.close();
  }, []);
  return (
    <dialog ref={dialog} aria-label={t.session.signIn} onCancel={(event) => event.preventDefault()}>
      <div class="dialog sign-in">
        <SignIn />
      </div>
    </dialog>
  );
}

/** Sign-in with a Kubernetes token. */
function SignIn(): JSX.Element {
  const { session } = useServices();
  const state = useStore(session.state);
  const [token, setToken] = useState('');
  const [error, setError] = useState<CertfleetError | undefined>(undefined);
  const [isSending, setSending] = useState(false);
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    box.current?.focus();
  }, []);
  const signIn = async (): Promise<void> => {
    setSending(true);
    setError(undefined);
    try {
      await session.signIn(token.trim());
    } catch (thrown) {
      setError(asCertfleetError(thrown));
      setSending(false);
      box.current?.focus();
    }
  };
  return (
    <>
      <h1>{t.session.title}</h1>
      {state.name === 'signed-out' && state.hasEnded && (
        <p class="notice notice-info" role="status">
          <Icon name="info" /> {t.session.hasEnded}
        </p>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (token.trim() !== '' && !isSending) void signIn();
        }}
      >
        <label class="stacked">
          {t.session.token}
          <input
            ref={box}
            type="password"
            name="token"
            autocomplete="off"
            spellcheck={false}
            value={token}
            aria-invalid={error !== undefined}
            aria-describedby="token-help"
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        {error && <Refusal error={error} />}
        <button type="submit" class="primary" disabled={token.trim() === '' || isSending}>
          {isSending ? t.session.signingIn : t.session.signIn}
        </button>
      </form>
      <TokenHelp />
    </>
  );
}

function TokenHelp(): JSX.Element {
  return (
    <div id="token-help" class="dim">
      <p>{t.session.help({ resource: <code>volumes.certfleet.io</code> })}</p>
      <p class="command">
        <CopiedText text={createToken} label={t.ui.copy.command} />
      </p>
      <p>{t.session.once}</p>
    </div>
  );
}

function Refusal({ error }: { readonly error: CertfleetError }): JSX.Element {
  return (
    <p class="bad" role="alert">
      {refusalText(error)}
    </p>
  );
}

function refusalText({ code, message }: CertfleetError): string {
  if (code === 'unauthenticated') return t.session.rejected;
  if (code === 'permission-denied') return t.session.forbidden;
  if (code === 'resource-exhausted') return t.session.tooMany;
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
}
