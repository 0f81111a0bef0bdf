import type { PostureSummary } from '@certfleet/operator-api/summary.ts';
import type { VolumeRow } from '@certfleet/operator-api/volumes.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { CliOptions } from './cli-options.ts';
import { table } from './table.ts';

/** The filters of the API for the flags about workloads and the properties of certificates. */
export function postureFilter({ flags }: CliOptions): Readonly<Record<string, string | boolean | undefined>> {
  return {
    workload: flags['workload'],
    label: flags['label'],
    rsaBelow: flags['rsa-below'],
    signature: flags['signature'],
    lifetimeOver: flags['lifetime-over'],
    requestedOver: flags['requested-over'],
    isCa: caFilter(flags),
    usage: flags['usage'],
  };
}

function caFilter(flags: CliOptions['flags']): 'true' | 'false' | undefined {
  const { 'is-ca': isCa, 'not-ca': isNoCa } = flags;
  if (isCa === true && isNoCa === true)
    throw new CertfleetError('invalid-argument', '--is-ca and --not-ca exclude each other');
  if (isCa === true) return 'true';
  return isNoCa === true ? 'false' : undefined;
}

/** The key of a certificate in a few characters, such as `RSA 2048` or `ECDSA P-256`. */
function keyText({ keyType, posture }: VolumeRow): string {
  const size = posture?.keyBits ?? posture?.curve ?? '';
  return keyType === 'ed25519' || size === '' ? keyType.toUpperCase() : `${keyType.toUpperCase()} ${size}`;
}

const daySeconds = 86_400;

function lifetimeText(seconds: number | undefined): string {
  if (seconds === undefined) return '';
  return seconds >= 2 * daySeconds ? `${Math.round(seconds / daySeconds)}d` : `${Math.round(seconds / 360) / 10}h`;
}

/** A column of a table of volumes. */
export type Column = readonly [title: string, cell: (volume: VolumeRow) => string];

const columns: readonly Column[] = [
  ['KEY', keyText],
  ['SIGNATURE', ({ posture }) => posture?.signature ?? ''],
  ['LIFETIME', ({ lifetimeSeconds }) => lifetimeText(lifetimeSeconds)],
  ['REQUESTED', ({ posture }) => lifetimeText(posture?.requestedSeconds)],
  ['CA', ({ posture }) => (posture === undefined ? '' : String(posture.isCa))],
  ['USAGES', ({ posture }) => posture?.usages.join(', ') ?? ''],
];

/** Columns of `list --posture`. */
export function postureColumns(): readonly Column[] {
  return columns;
}

/** The limits and their violations; empty without limits. */
export function postureTable({ violations, unknown }: PostureSummary): readonly string[] {
  if (violations.length === 0) return [];
  const rows = violations.map(({ text, count }) => [text, String(count)]);
  return [table(['LIMIT', 'VIOLATIONS'], [...rows, ...(unknown > 0 ? [['not reported', String(unknown)]] : [])])];
}
