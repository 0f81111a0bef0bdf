import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { laneArguments, laneKeys, podsKey, promotionsOf, serverTime } from './lane-admission.ts';
import type { LaneTime, Promotion } from './lane-admission.ts';
import type { Lane } from './lane-policies.ts';
import type { LaneStore } from './lane-store.ts';
import { permitScript } from './permit-script.ts';

/** A signer's request for permits to sign pod certificates, and what has become of its earlier ones. */
export interface PermitRequest {
  /** Name of the signer's process. */
  readonly signer: string;
  /** Increases with each request of the signer for the lane. */
  readonly sequence: number;
  /** Whether the signer has signed without the lane since its last request. */
  readonly isReturning: boolean;
  /** Requests of pods that start, without a permit. */
  readonly urgent: number;
  readonly refreshes: number;
  /** Ids of the permits that are in use, or still to be used. */
  readonly held: readonly string[];
  /** What the issuer has done, in order; `source` distinguishes the requests. */
  readonly results: readonly { readonly source: string; readonly isOk: boolean }[];
  /** Message of the last failure. */
  readonly error?: string | undefined;
  /** How long the issuer asked to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** The right to send one request to the issuer. */
interface Permit {
  readonly id: string;
  /** Whether it is for a pod that starts; windows and pauses do not delay these. */
  readonly isUrgent: boolean;
  /** Milliseconds until its start. */
  readonly inMs: number;
}

export interface PermitAnswer {
  readonly permits: readonly Permit[];
  /** When the next request is useful, if the demand does not grow, in milliseconds. */
  readonly askAgainInMs: number;
}

export interface LanePermitsParts {
  readonly redis: RedisClient;
  readonly keys: RedisKeys;
  readonly lanes: Pick<LaneStore, 'noteAgain'>;
  readonly promoteJobs: (promotions: readonly Promotion[]) => Promise<void>;
  /** Whether the pauses of lanes are known. */
  readonly isOpen: () => boolean;
  readonly time?: LaneTime;
}

/** Permits start at most this long after the request; signers ask again before the last one. */
const horizonMs = 1_500;

/** Grants permits for pod certificates in the lanes of the renewals, in batches. All state is in Redis. */
export class LanePermits {
  readonly #parts: LanePermitsParts;

  constructor(parts: LanePermitsParts) {
    this.#parts = parts;
  }

  /**
   * Takes results and grants permits.
   * @throws CertfleetError unavailable while the pauses are not known; aborted for a request that a later one has overtaken
   */
  async ask(lane: Lane, request: PermitRequest): Promise<PermitAnswer> {
    const { redis, keys, lanes, promoteJobs, isOpen, time = serverTime } = this.#parts;
    if (!isOpen()) throw new CertfleetError('unavailable', 'the pauses of lanes are not known yet: try again');
    await lanes.noteAgain(lane);
    const { signer, sequence, isReturning, urgent, refreshes, held, results, error = '', retryAfterMs = 0 } = request;
    const { answerTimeoutMs, backoff } = lane.policy;
    const [key, inflight, slots, blocked] = laneKeys(keys, lane.id);
    const answer = (await permitScript.run(redis, {
      keys: {
        ...{ lane: key, inflight, slots, blocked, waiting: `${key}:waiting`, queued: keys.queuedLanes },
        pods: podsKey(key),
      },
      args: {
        ...laneArguments(lane, time),
        timeout: answerTimeoutMs,
        initialBackoff: backoff.initialMs,
        maxBackoff: backoff.maxMs,
        random: time.random(),
        ...{ signer, sequence, urgent, refreshes },
        isReturning: isReturning ? 1 : 0,
        errorText: error.slice(0, 512),
        retryAfter: retryAfterMs,
        horizon: horizonMs,
        heldCount: held.length,
      },
      rest: [...held, ...results.flatMap(({ source, isOk }) => [source, isOk ? 'ok' : 'failed'])],
    })) as readonly (string | number)[];
    const [code, askAgainInMs, count] = answer.map(Number);
    if (code !== 1) throw new CertfleetError('aborted', 'a later request for permits has been answered');
    const end = 3 + 3 * (count ?? 0);
    await promoteJobs(promotionsOf(answer.slice(end)));
    return { permits: permitsOf(answer.slice(3, end)), askAgainInMs: askAgainInMs ?? 0 };
  }
}

function permitsOf(answer: readonly (string | number)[]): readonly Permit[] {
  const permits: Permit[] = [];
  for (let i = 0; i + 2 < answer.length; i += 3)
    permits.push({ isUrgent: answer[i] === 1, id: String(answer[i + 1]), inMs: Math.max(0, Number(answer[i + 2])) });
  return permits;
}
