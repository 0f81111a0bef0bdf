import type { AgentVolume, HostEvent, Issuance } from './agents/messages.ts';

/** The invariants; the numbers are those of the summary. */
export const invariants = {
  1: 'each generation is renewed once, in time, by a job or at the agent’s fallback deadline',
  2: 'a cancelled, suspended or paused renewal does not run meanwhile or afterwards',
  3: 'a stream that its agent closed does not displace a newer one',
  4: 'one node costs the others a bounded share of a lane',
  5: "the view equals the agents' state within 10 s after the last fault",
  6: 'no renewal waits longer than its lane explains, and no accepted request is lost',
  7: 'every loss of Redis’ state is reported',
  8: 'lanes do not exceed their rate',
} as const;
export type Invariant = keyof typeof invariants;

/** A broken invariant. */
export interface Violation {
  readonly invariant: Invariant;
  readonly atMs: number;
  readonly text: string;
}

/** Redis lost writes: those accepted from `fromMs` to `toMs`. */
export interface RedisLoss {
  readonly fromMs: number;
  readonly toMs: number;
  readonly isAll: boolean;
}

/** Renewals that operators forbade or requested, by issuer; `allowed` were in the queues of their nodes before. */
export interface OperatorAction {
  readonly issuer: string;
  readonly sentMs: number;
  readonly acceptedMs: number;
  allowed: ReadonlySet<string>;
  endedMs?: number;
}

/** A bulk renewal of some volumes. */
export interface BulkAction {
  readonly sentMs: number;
  /** The generations to which it may refer. */
  readonly renewals: Set<string>;
  /** Of a request for all volumes of an issuer. If the controller selects after a fault, also of newer pods. */
  readonly issuer?: string;
  /** Volumes that it renewed. If the controller selects after a fault, it is at a later generation, but once. */
  readonly renewed: Set<string>;
  /** Of the Renewal, if the request was accepted. */
  id?: string;
  /** The cancel, which may have happened without an answer. */
  isCancelSent?: boolean;
  /** The answer to the cancel, or to the suspension. */
  cancelledMs?: number;
  cancelSentMs?: number;
  /** The end of a suspension. */
  resumedMs?: number;
  /** Whether it is known to be carried out. */
  isDone?: boolean;
  /** The renewals in the queues of nodes at the time of the cancel or suspension. */
  allowed: ReadonlySet<string>;
}

/** The controller's default spread before renew-at, as a part of the lifetime. */
const jitterPart = 0.05;
/** Timers and rounding. */
const earlyToleranceMs = 1_500;
const graceMs = 1_000;
/** From a loss until Redis has every agent's session again. */
const sessionLossMs = 15_000;
/** A replica detects the loss and recalls again within this. */
const recallAgainMs = 20_000;
const maxViolationsOfAKind = 25;

export const volumeKey = ({ node, volumeId }: Pick<AgentVolume, 'node' | 'volumeId'>): string => `${node}/${volumeId}`;
const namesVolume = ({ renewals }: BulkAction, key: string): boolean =>
  renewals.values().some((renewal) => renewal.startsWith(`${key}#`));
export const renewalKey = (volume: Pick<AgentVolume, 'node' | 'volumeId' | 'generation'>): string =>
  `${volumeKey(volume)}#${volume.generation}`;

/** Records the agents' volumes, issuances and their causes; checks each issuance. */
export class Ledger {
  readonly violations: Violation[] = [];
  readonly issuances: Issuance[] = [];
  readonly pauses: OperatorAction[] = [];
  readonly bulks: BulkAction[] = [];
  readonly losses: RedisLoss[] = [];
  failures = 0;
  /** Nodes without expectations. */
  readonly hostile: ReadonlySet<string>;
  /** Honest volumes by key. */
  readonly volumes = new Map<string, AgentVolume>();
  readonly #issued = new Set<string>();
  readonly #expired = new Set<string>();
  /** Times in which issuers, by name, or nodes could not issue; open ones end in the future. */
  readonly #excuses = new Map<string, { readonly fromMs: number; toMs: number }[]>();

  constructor(hostile: readonly string[]) {
    this.hostile = new Set(hostile);
  }

  violate(invariant: Invariant, text: string): void {
    const alike = this.violations.filter((violation) => violation.invariant === invariant).length;
    if (alike < maxViolationsOfAKind) this.violations.push({ invariant, atMs: Date.now(), text });
  }

  track(volume: AgentVolume): void {
    if (!this.hostile.has(volume.node)) this.volumes.set(volumeKey(volume), volume);
  }

  /** Until the returned function is called, this issuer or node is not expected to issue. */
  excuse(name: string): () => void {
    const excuse = { fromMs: Date.now(), toMs: Infinity };
    this.#excuses.set(name, [...(this.#excuses.get(name) ?? []), excuse]);
    return () => (excuse.toMs = Math.min(excuse.toMs, Date.now() + 2_000));
  }

  redisLost(loss: RedisLoss): void {
    this.losses.push(loss);
  }

  onEvent(event: HostEvent): void {
    if (this.hostile.has('issuance' in event ? event.issuance.node : event.node)) return;
    if (event.kind === 'failed') this.failures += 1;
    else if (event.kind === 'issued') this.#onIssued(event.issuance);
    else if (event.line.includes('newer stream of this node') && !this.#wasJustLost(event.atMs)) {
      this.violate(3, `the newest stream of ${event.node} was displaced: ${event.line}`);
    }
  }

  /** Checks for expired certificates; called periodically. */
  look(nowMs: number): void {
    for (const volume of this.volumes.values()) {
      if (nowMs > volume.notAfterMs + graceMs) this.#onExpired(volume, nowMs);
    }
  }

  #onIssued(issuance: Issuance): void {
    const key = volumeKey(issuance);
    const renewal = renewalKey(issuance);
    this.issuances.push(issuance);
    if (this.#issued.has(renewal)) this.violate(1, `${renewal} was issued twice`);
    this.#issued.add(renewal);
    if (issuance.endedMs > issuance.notAfterMs) this.#onExpired(issuance, issuance.endedMs);
    if (issuance.cause === 'job') {
      this.#checkEarly(issuance, renewal);
      this.#checkPauses(issuance, renewal);
    }
    const volume = this.volumes.get(key);
    if (volume === undefined) return;
    const issuedAtMs = issuance.endedMs;
    const renewAtMs = Math.round(issuedAtMs + (issuance.lifetimeMs * 2) / 3);
    const next = { issuedAtMs, renewAtMs, notAfterMs: issuedAtMs + issuance.lifetimeMs };
    this.volumes.set(key, { ...volume, ...next, generation: issuance.generation + 1, isBusy: false });
  }

  #onExpired(volume: Omit<AgentVolume, 'isBusy'>, nowMs: number): void {
    const renewal = renewalKey(volume);
    if (this.#expired.has(renewal)) return;
    this.#expired.add(renewal);
    const isExcused = [volume.issuer, volume.node].some((name) =>
      (this.#excuses.get(name) ?? []).some(({ fromMs, toMs }) => fromMs < nowMs && toMs > volume.renewAtMs),
    );
    if (!isExcused) this.violate(1, `${renewal} of ${volume.issuer} expired at ${iso(volume.notAfterMs)}`);
  }

  #checkEarly(issuance: Issuance, renewal: string): void {
    const { issuedAtMs, renewAtMs, lifetimeMs, startedMs, issuer } = issuance;
    const spreadMs = Math.min(jitterPart * lifetimeMs, (renewAtMs - issuedAtMs) / 2);
    if (startedMs >= renewAtMs - spreadMs - earlyToleranceMs) return;
    const key = volumeKey(issuance);
    const isAsked = (bulk: BulkAction): boolean =>
      bulk.renewals.has(renewal) || (!bulk.renewed.has(key) && (bulk.issuer === issuer || namesVolume(bulk, key)));
    const asked = this.bulks.filter((bulk) => startedMs >= bulk.sentMs && isAsked(bulk));
    // Of several requests, some may select the volume only now, at its new generation: each explains one renewal.
    asked.find((bulk) => !bulk.renewed.has(key))?.renewed.add(key);
    if (asked.some((bulk) => this.#mayStillRun(bulk, startedMs, renewal))) return;
    const early = `${renewal} of ${issuer} was renewed by a job ${Math.round((renewAtMs - startedMs) / 1000)} s before renew-at`;
    if (asked.length === 0) this.violate(1, `${early}, without a request`);
    else
      this.violate(
        2,
        `${early}, after the bulk renewal was cancelled or suspended at ${iso(asked[0]?.cancelledMs ?? 0)}`,
      );
  }

  #mayStillRun(bulk: BulkAction, startedMs: number, renewal: string): boolean {
    const { cancelledMs, resumedMs = Infinity } = bulk;
    if (cancelledMs === undefined || startedMs <= cancelledMs || startedMs >= resumedMs) return true;
    if (bulk.allowed.has(renewal)) return true;
    return this.#isVoid(bulk.cancelSentMs ?? cancelledMs, cancelledMs, startedMs);
  }

  #checkPauses({ issuer, startedMs }: Issuance, renewal: string): void {
    for (const pause of this.pauses) {
      if (pause.issuer !== issuer || startedMs <= pause.acceptedMs + 50) continue;
      if (startedMs >= (pause.endedMs ?? Infinity) || pause.allowed.has(renewal)) continue;
      if (this.#mayBeBack(pause, startedMs)) continue;
      this.violate(
        2,
        `${renewal} was renewed by a job at ${iso(startedMs)}, ${issuer} was paused at ${iso(pause.acceptedMs)}`,
      );
    }
  }

  /** After Redis lost a session, the earlier one applies until its agent reconnects. */
  #wasJustLost(atMs: number): boolean {
    return this.losses.some(({ fromMs, toMs }) => fromMs <= atMs && atMs - toMs < sessionLossMs);
  }

  /**
   * Whether Redis lost the recall of a pause a moment ago, so that a renewal that was dispatched before is in the queue of
   * its node again. The pause itself outlasts the loss.
   */
  #mayBeBack({ sentMs, acceptedMs }: OperatorAction, startedMs: number): boolean {
    return this.losses.some(
      ({ fromMs, toMs }) =>
        acceptedMs >= fromMs && sentMs <= toMs && toMs <= startedMs && startedMs - toMs < recallAgainMs,
    );
  }

  /** Whether Redis lost, before the last time, writes between the first two. */
  #isVoid(sentMs: number, acceptedMs: number, beforeMs: number): boolean {
    return this.losses.some(({ fromMs, toMs }) => acceptedMs >= fromMs && sentMs <= toMs && toMs <= beforeMs);
  }
}

/** A time in the log's format. */
export const iso = (timeMs: number): string => new Date(timeMs).toISOString();
