import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { issuerKey } from '../fleet-index/model/indexed-volume.ts';
import type { IssuerName } from '../fleet-index/model/indexed-volume.ts';
import type { IntentStore } from '../intent/intent-store.ts';
import type { LanePolicies } from '../lanes/lane-policies.ts';
import type { IntentEvents } from '../kube/intent-events.ts';
import { noPause, pauseFields } from './lane-rules.ts';
import type { LanePolicyObject, RequestedPause } from './lane-rules.ts';

export interface OperatorPausesParts {
  readonly store: IntentStore;
  readonly policies: LanePolicies;
  readonly events: IntentEvents;
  /** Applies the stored policies to the lanes of this replica, Redis and the queues of nodes. */
  readonly apply: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

const ownerLabel = { 'app.kubernetes.io/managed-by': 'certfleet-controller' };
const maxAttempts = 5;

/** Pauses and resumes lanes for operators of the page, the HTTP API and the command line: one LanePolicy per lane. */
export class OperatorPauses {
  readonly #parts: OperatorPausesParts;

  constructor(parts: OperatorPausesParts) {
    this.#parts = parts;
  }

  /**
   * Pauses a lane until `resume`, durably.
   * @throws CertfleetError invalid-argument for an issuer whose name is a pattern; unavailable if it cannot be stored
   */
  async pause(issuer: IssuerName, { by, reason }: { readonly by: string; readonly reason: string }): Promise<void> {
    const { clock, events, apply } = this.#parts;
    const object = await this.#write(issuer, { by, reason, atMs: clock.now() });
    events.record(object, { type: 'Normal', reason: 'PauseRequested', message: `${by} paused the lane: ${reason}` });
    await apply();
  }

  /**
   * Ends the pause of a lane.
   * @throws CertfleetError failed-precondition if a policy pauses it that others manage
   */
  async resume(issuer: IssuerName, by: string): Promise<void> {
    const { store, policies, events, apply } = this.#parts;
    const name = policyName(policies.laneOf(issuer).id, issuer);
    // Another replica may have written it a moment ago.
    const own = await this.#ignoringAbsence(() => store.get('LanePolicy', name));
    const other = this.#otherPauseOf(issuer, name);
    if (other !== undefined) throw this.#refused(issuer, by, other);
    if (own?.spec.paused === true) {
      const object = await store.patchSpec('LanePolicy', name, noPause);
      events.record(object, { type: 'Normal', reason: 'ResumeRequested', message: `${by} resumed the lane` });
    }
    await apply();
  }

  async #write(issuer: IssuerName, pause: RequestedPause): Promise<LanePolicyObject> {
    const { store, policies } = this.#parts;
    const key = issuerKey(issuer);
    if (key.includes('*'))
      throw new CertfleetError(
        'invalid-argument',
        `the name of issuer ${key} is a pattern, so a policy of it would pause other lanes: write a LanePolicy yourself`,
      );
    const name = policyName(policies.laneOf(issuer).id, issuer);
    const fields = pauseFields(pause);
    for (let attempt = 1; ; attempt += 1) {
      try {
        const known = await this.#ignoringAbsence(() => store.get('LanePolicy', name));
        if (known === undefined)
          return await store.create('LanePolicy', { name, labels: ownerLabel, spec: { issuers: [key], ...fields } });
        const { resourceVersion } = known.metadata;
        // Somebody may have edited its issuers.
        const issuers = known.spec.issuers.includes(key) ? known.spec.issuers : [...known.spec.issuers, key];
        return await store.patchSpec('LanePolicy', name, { ...fields, issuers }, { resourceVersion });
      } catch (thrown) {
        const { code } = asCertfleetError(thrown);
        if (!['aborted', 'already-exists', 'not-found'].includes(code) || attempt >= maxAttempts) throw thrown;
      }
    }
  }

  /** A policy other than the lane's own that pauses the lane. */
  #otherPauseOf(issuer: IssuerName, own: string): string | undefined {
    const policy = this.#parts.policies.pausesOf(issuer).find((pause) => pause.policy !== own);
    return policy?.policy;
  }

  #refused(issuer: IssuerName, by: string, policy: string): CertfleetError {
    const { store, events, log } = this.#parts;
    const message = `lane ${issuerKey(issuer)} is paused by LanePolicy ${policy}: change that policy, for example with kubectl edit lanepolicy ${policy}`;
    log.warn({ issuer, by, lanePolicy: policy }, 'resume of a lane refused');
    const object = store.find('LanePolicy', policy);
    const event = { type: 'Warning', reason: 'ResumeRefused', message: `${by}: ${message}` } as const;
    if (object !== undefined) events.record(object, event);
    return new CertfleetError('failed-precondition', message);
  }

  async #ignoringAbsence<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (thrown) {
      if (asCertfleetError(thrown).code === 'not-found') return undefined;
      throw thrown;
    }
  }
}

/** The name of a lane's own policy: readable, and unique by the lane's id. */
function policyName(laneId: string, { name }: IssuerName): string {
  const readable = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 60)
    .replace(/^-+|-+$/g, '');
  return readable === '' ? `lane-${laneId}` : `lane-${readable}-${laneId}`;
}
