import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { CommandContext } from './command.ts';

/** Filters of the API for times, by their flags. */
const future = {
  'expires-before': 'expiresBefore',
  'expires-after': 'expiresAfter',
  'renews-before': 'renewsBefore',
  'renews-after': 'renewsAfter',
} as const;
const past = { 'issued-before': 'issuedBefore', 'issued-after': 'issuedAfter' } as const;

type TimeFilter = (typeof future)[keyof typeof future] | (typeof past)[keyof typeof past];

/** The flags for limits of time. */
export const timeFlags = Object.keys({ ...future, ...past }) as readonly (keyof typeof future | keyof typeof past)[];

/** The limits of the given flags: a time, or for what is to come, a length from now. */
export function timeLimits(
  { options: { flags }, clock }: Pick<CommandContext, 'options' | 'clock'>,
  ignored: readonly string[] = [],
): Readonly<Partial<Record<TimeFilter, string>>> {
  const limits = Object.entries({ ...future, ...past }).flatMap(([flag, name]) => {
    const given = flags[flag];
    if (typeof given !== 'string' || ignored.includes(flag)) return [];
    return [[name, timeOf(flag, given, clock.now())] as const];
  });
  return Object.fromEntries(limits);
}

function timeOf(flag: string, given: string, nowMs: number): string {
  const [, digits, unit] = (flag in future ? /^(\d{1,4})([mhd])$/.exec(given) : undefined) ?? [];
  const atMs = digits === undefined ? Date.parse(given) : nowMs + Number(digits) * unitMs[unit as 'm' | 'h' | 'd'];
  if (!Number.isNaN(atMs)) return new Date(atMs).toISOString();
  const expected = flag in future ? 'a length such as 24h or a time in RFC 3339' : 'a time in RFC 3339';
  throw new CertfleetError('invalid-argument', `--${flag}: expected ${expected}, found ${JSON.stringify(given)}`);
}

const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
