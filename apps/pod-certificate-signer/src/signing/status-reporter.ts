import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { ApiResource } from '@certfleet/shared/kube/api-resource.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { RepeatedWork } from '@certfleet/shared/repeated-work.ts';
import type { SignerState } from './coordinator.ts';

export interface StatusReporterOptions {
  readonly client: Pick<KubeClient, 'request'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly resource: ApiResource;
  /** The states to report; empty unless this replica leads. */
  readonly states: () => readonly SignerState[];
}

const intervalMs = 5_000;
const writeTimeoutMs = 10_000;
const maxMessage = 1_024;

interface ReadyCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
}

/** Keeps the condition Ready of the PodCertificateSigners up to date. */
export class StatusReporter {
  readonly #options: StatusReporterOptions;
  readonly #repeated: RepeatedWork;
  #lastError: string | undefined;

  constructor(options: StatusReporterOptions) {
    this.#options = options;
    const { clock, log } = options;
    const failure = 'cannot report the states of signers, retrying';
    this.#repeated = new RepeatedWork({ work: () => this.report(), pauseMs: intervalMs, failure, clock, log });
  }

  start(): void {
    this.#repeated.start();
  }

  async stop(): Promise<void> {
    await this.#repeated.stop();
  }

  /** Writes the conditions that have changed; never rejects. */
  async report(): Promise<void> {
    for (const state of this.#options.states()) await this.#reportOne(state);
  }

  async #reportOne({ object, reason, message }: SignerState): Promise<void> {
    const { client, clock, log, resource } = this.#options;
    const { name, generation: observedGeneration } = object;
    const status = reason === 'Ready' ? 'True' : 'False';
    const written = readyOf(object.status);
    const wanted = { type: 'Ready', status, reason, message: message.slice(0, maxMessage), observedGeneration };
    if (written !== undefined && isSame(written, wanted)) return;
    const now = new Date(clock.now()).toISOString();
    const lastTransitionTime = written?.status === status ? written.lastTransitionTime : now;
    const body = { status: { observedGeneration, conditions: [{ ...wanted, lastTransitionTime }] } };
    try {
      const target = { resource, name, subresource: 'status', timeoutMs: writeTimeoutMs } as const;
      await client.request({ ...target, verb: 'patch', body });
      this.#lastError = undefined;
    } catch (thrown) {
      const { message: error } = asCertfleetError(thrown);
      // Once per cause, not per attempt.
      if (error !== this.#lastError) log.warn({ signer: name, error }, 'cannot write a status, retrying');
      this.#lastError = error;
    }
  }
}

function readyOf(status: unknown): ReadyCondition | undefined {
  const { conditions } = (status ?? {}) as { conditions?: readonly ReadyCondition[] };
  return conditions?.find(({ type }) => type === 'Ready');
}

function isSame(written: ReadyCondition, wanted: Omit<ReadyCondition, 'lastTransitionTime'>): boolean {
  return (['status', 'reason', 'message', 'observedGeneration'] as const).every(
    (field) => written[field] === wanted[field],
  );
}
