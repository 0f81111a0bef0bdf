/** A job of the controller for the agent: renew a volume, or defer its renewal. */
export interface NodeJob {
  readonly volumeId: string;
  /** The generation to renew; a volume of a later generation is left unchanged. */
  readonly generation: number;
  /** A person requested the renewal, so the minimum interval and back-off of automatic renewals do not apply. */
  readonly isRequestedByPerson?: true;
  /** Undefined: renew now. */
  readonly deferUntil?: Date;
}

/**
 * Validates a job, which is untrusted input.
 * @returns undefined for a malformed job
 */
export function readNodeJob(name: string, data: unknown): NodeJob | undefined {
  const { volumeId, generation, untilMs, requested } = (data ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof volumeId !== 'string' || volumeId.length > 256) return undefined;
  if (!isCount(generation)) return undefined;
  if (name === 'renew') return { volumeId, generation, ...(requested === true && { isRequestedByPerson: true }) };
  if (name !== 'defer' || !isCount(untilMs) || untilMs > latestDateMs) return undefined;
  return { volumeId, generation, deferUntil: new Date(untilMs) };
}

/** The latest time that a Date can represent. */
const latestDateMs = 8.64e15;

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
