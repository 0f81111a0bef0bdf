import { systemClock } from '../../../libs/shared/src/clock.ts';
import type { KubeClient } from '../../../libs/shared/src/kube/api-client.ts';
import type { ApiResource } from '../../../libs/shared/src/kube/api-resource.ts';
import { ResourceWatch } from '../../../libs/shared/src/kube/resource-watch.ts';

/** What became of the requests of a signer name. */
export interface RequestResults {
  readonly pendingNew: number;
  readonly pendingRefreshes: number;
  readonly issuedNew: number;
  readonly issuedRefreshes: number;
  readonly deniedOrFailed: number;
  /** Of pods that start: from the request to its certificate, in milliseconds, as the kubelets see it. */
  readonly waitsMs: readonly number[];
  /** The times in the answers, in seconds since the epoch. */
  readonly answeredAt: readonly number[];
  /** When the kubelets are to refresh the certificates, in milliseconds since the epoch. */
  readonly refreshAtMs: readonly number[];
}

interface Created {
  readonly signerName: string;
  readonly isNew: boolean;
  readonly startedMs: number;
}

interface Answer {
  readonly name: string;
  readonly type: string;
  readonly time: number;
  /** NaN without a certificate. */
  readonly refreshAtMs: number;
  readonly seenMs: number;
}

interface RawRequest {
  readonly metadata: { readonly name: string };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly lastTransitionTime: string }[];
    readonly beginRefreshAt?: string;
  };
}

/** Follows requests to their answers. */
export class RequestLog {
  readonly #watch: ResourceWatch<Answer>;
  readonly #created = new Map<string, Created>();
  readonly #answers = new Map<string, Answer>();

  constructor({ client, resource }: { readonly client: KubeClient; readonly resource: ApiResource }) {
    const take = (answer: Answer): void => {
      if (!this.#answers.has(answer.name)) this.#answers.set(answer.name, answer);
    };
    this.#watch = new ResourceWatch<Answer>({
      client,
      clock: systemClock,
      resource,
      project: answerIn,
      onEvent: ({ object }) => take(object),
      onSynced: (all) => all.forEach(take),
    });
  }

  async start(): Promise<void> {
    this.#watch.start();
    await this.#watch.ready;
  }

  created(name: string, request: Created): void {
    this.#created.set(name, request);
  }

  results(signerName: string): RequestResults {
    const counts = { pendingNew: 0, pendingRefreshes: 0, issuedNew: 0, issuedRefreshes: 0, deniedOrFailed: 0 };
    const [waitsMs, answeredAt, refreshAtMs]: [number[], number[], number[]] = [[], [], []];
    for (const [name, request] of this.#created) {
      if (request.signerName !== signerName) continue;
      const answer = this.#answers.get(name);
      if (answer === undefined) counts[request.isNew ? 'pendingNew' : 'pendingRefreshes'] += 1;
      else if (answer.type !== 'Issued') counts.deniedOrFailed += 1;
      else {
        counts[request.isNew ? 'issuedNew' : 'issuedRefreshes'] += 1;
        answeredAt.push(answer.time);
        refreshAtMs.push(answer.refreshAtMs);
        if (request.isNew) waitsMs.push(answer.seenMs - request.startedMs);
      }
    }
    return { ...counts, waitsMs, answeredAt, refreshAtMs };
  }
}

/** The final condition of a request; undefined while it is pending. */
function answerIn(raw: unknown): Answer | undefined {
  const { metadata, status } = raw as RawRequest;
  const condition = status?.conditions?.find(({ type }) => ['Issued', 'Denied', 'Failed'].includes(type));
  if (condition === undefined) return undefined;
  const time = Date.parse(condition.lastTransitionTime) / 1000;
  const refreshAtMs = Date.parse(status?.beginRefreshAt ?? '');
  return { name: metadata.name, type: condition.type, time, refreshAtMs, seenMs: performance.now() };
}

/**
 * By how many answers a lane exceeded its rate, at most over all spans of whole seconds; 0 if it never did.
 * @param allowance the burst, and the requests in flight, which may be answered together
 */
export function excessOver(answeredAt: readonly number[], ratePerSecond: number, allowance: number): number {
  const perSecond = new Map<number, number>();
  for (const second of answeredAt) perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
  const seconds = [...perSecond.keys()].sort((a, b) => a - b);
  let excess = 0;
  for (const [at, from] of seconds.entries()) {
    let answered = 0;
    for (const to of seconds.slice(at)) {
      answered += perSecond.get(to) ?? 0;
      excess = Math.max(excess, answered - (ratePerSecond * (to - from + 1) + allowance));
    }
  }
  return excess;
}
