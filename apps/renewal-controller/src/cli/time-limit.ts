import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { CommandContext } from './command.ts';

/** The limit of --expires-before, a length from now or a time. */
export function timeLimit({ options, clock }: Pick<CommandContext, 'options' | 'clock'>): {
  readonly expiresBefore?: string;
} {
  const { 'expires-before': given } = options.flags;
  if (typeof given !== 'string') return {};
  const [, digits, unit] = /^(\d{1,4})([mhd])$/.exec(given) ?? [];
  const atMs =
    digits === undefined ? Date.parse(given) : clock.now() + Number(digits) * unitMs[unit as 'm' | 'h' | 'd'];
  if (!Number.isNaN(atMs)) return { expiresBefore: new Date(atMs).toISOString() };
  throw new CertfleetError(
    'invalid-argument',
    `--expires-before: expected a length such as 24h or a time in RFC 3339, found ${JSON.stringify(given)}`,
  );
}

const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
