/** What the controller asks of the agent: to renew a volume, or to leave its renewal alone for a while. */
export interface NodeJob {
  readonly volumeId: string;
  /** The generation that is meant; a volume that is past it is left as it is. */
  readonly generation: number;
  /** A person requests the renewal; without it the minimum interval and back-off of automatic renewals apply. */
  readonly isRequestedByPerson?: true;
  /** Undefined: renew now. */
  readonly deferUntil?: Date;
}

/** A job is input like any other, whoever wrote it. @returns undefined for one that makes no sense */
export function readNodeJob(name: string, data: unknown): NodeJob | undefined {
  const { volumeId, generation, untilMs, requested } = (data ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof volumeId !== 'string' || volumeId.length > 256) return undefined;
  if (!isCount(generation)) return undefined;
  if (name === 'renew') return { volumeId, generation, ...(requested === true && { isRequestedByPerson: true }) };
  if (name !== 'defer' || !isCount(untilMs) || untilMs > latestDateMs) return undefined;
  return { volumeId, generation, deferUntil: new Date(untilMs) };
}

/** The last time that a Date can hold. */
const latestDateMs = 8.64e15;

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
