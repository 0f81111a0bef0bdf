import { probeFailureNames, servedStateNames } from '@certfleet/fleet-model/report-terms.ts';
import type { ProbeFailure, ServedState } from '@certfleet/fleet-model/vocabulary.ts';
import type { Label, Served, VolumeReport, Workload } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import { maxLabelKeys } from '@certfleet/shared/flag-parsers.ts';
import { compactHex } from './compact-hex.ts';
import { shared, sharedFingerprints } from './shared-values.ts';

/**
 * The fields of a report that a volume may lack, one row each: the name in the index and how to read it from a report.
 * Their values end a volume's record in Redis, in this order. A new field is a new last row; rows must not be moved or
 * removed, because records of the old order would be misread.
 */
const readers = {
  /** Until when the agent defers its fallback deadline; absent if it does not. */
  deferredUntilMs: ({ deferredUntil }) => positive(deferredUntil?.getTime()),
  /** Duration of the agent's last attempt; absent if not reported. */
  lastIssuanceMs: (report) => positive(report.lastIssuanceMs),
  /** What the pod was seen to serve; absent if it is not probed. */
  served: (report) => servedState(report),
  servedSinceMs: (report) => servedState(report) && positive(report.served?.since?.getTime()),
  /** Why it is unknown what the pod serves. */
  probeFailure: ({ served }) => served && probeFailure(served),
  /** Of the certificates that the CA file contains in addition to the certificate's own CA; absent if there are none. */
  additionalCaFingerprints: ({ additionalTrust }) => fingerprints(additionalTrust?.caFingerprintsSha256),
  /** Bits of an RSA key. */
  keyBits: ({ certificate }) => positive(certificate?.posture?.keyBits),
  /** Curve of another key. */
  curve: ({ certificate }) => term(certificate?.posture?.curve),
  /** Absent if the agent reports no properties of the certificate; the other ones are absent then too. */
  signatureAlgorithm: ({ certificate }) => term(certificate?.posture?.signatureAlgorithm),
  requestedSeconds: ({ certificate }) => positive(certificate?.posture?.requestedSeconds),
  /** 1 if the certificate may sign certificates. */
  isCa: ({ certificate }) => (certificate?.posture?.isCa === true ? 1 : undefined),
  usages: ({ certificate }) => terms(certificate?.posture?.usages),
  /** 1 if the workload of the pod is rolled after a renewal; otherwise absent. */
  rollsWorkload: ({ rollsWorkload }) => (rollsWorkload ? 1 : undefined),
  /** Kind and name of what created the pod, such as Deployment/web; absent if the agent does not report it. */
  workload: ({ workload }) => workloadName(workload),
  /** The labels of the pod that the operator chose, each as key=value. */
  labels: ({ podLabels }) => labelTexts(podLabels),
  /** 1 if the files have changed since the pod was mounted, and its workload is to be rolled; otherwise absent. */
  podIsOutdated: ({ podIsOutdated }) => (podIsOutdated ? 1 : undefined),
  /** The first failed attempt since the last success; absent if the agent does not report it. */
  firstFailureMs: ({ lastFailure }) => positive(lastFailure?.since?.getTime()),
} satisfies Readonly<Record<string, (report: VolumeReport) => StoredValue | undefined>>;

/** A value in a record; 0 if the volume lacks the field. */
export type StoredValue = number | string | readonly string[];

type Name = keyof typeof readers;

export type OptionalFields = { readonly [Each in Name]?: NonNullable<ReturnType<(typeof readers)[Each]>> };

const names = Object.keys(readers) as readonly Name[];

export function reportedFields(report: VolumeReport): OptionalFields {
  return fieldsOf((name) => readers[name](report));
}

/** The values at the end of a record; trailing fields that the volume lacks are omitted. */
export function encodeFields(fields: OptionalFields): readonly StoredValue[] {
  const values = names.map((name) => encoded(fields[name] ?? 0));
  return values.slice(0, values.findLastIndex((value) => value !== 0) + 1);
}

export function decodeFields(values: readonly StoredValue[]): OptionalFields {
  return values.length === 0 ? none : fieldsOf((_, i) => decoded(values[i]));
}

/** Lists contain fingerprints or terms; a term is no hexadecimal number of that length. */
function encoded(value: StoredValue): StoredValue {
  return typeof value === 'object' ? value.map(compactHex) : value;
}

function decoded(value: StoredValue | undefined): StoredValue | undefined {
  if (typeof value === 'string') return shared(value);
  return typeof value === 'object' ? sharedFingerprints(value) : value;
}

const none: OptionalFields = {};

function fieldsOf(valueOf: (name: Name, index: number) => StoredValue | undefined): OptionalFields {
  const fields: Partial<Record<Name, StoredValue>> = {};
  for (const [i, name] of names.entries()) {
    const value = valueOf(name, i);
    if (value !== undefined && value !== 0) fields[name] = value;
  }
  return fields as OptionalFields;
}

/** Undefined for a state of a newer agent. */
function servedState({ served }: VolumeReport): ServedState | undefined {
  return served && (servedStateNames as Readonly<Record<number, ServedState | undefined>>)[served.state];
}

function probeFailure({ failure }: Served): ProbeFailure | undefined {
  return (probeFailureNames as Readonly<Record<number, ProbeFailure | undefined>>)[failure];
}

/** A report may come from a hostile node. */
const maxFingerprints = 64;
const maxFingerprintLength = 64;

function fingerprints(reported: readonly string[] | undefined): readonly string[] | undefined {
  if (reported === undefined || reported.length === 0) return undefined;
  return reported.slice(0, maxFingerprints).map((each) => each.slice(0, maxFingerprintLength));
}

const maxTerms = 16;
const maxTermLength = 64;

/** A short text from a small vocabulary; undefined if empty. */
function term(reported: string | undefined): string | undefined {
  return reported === undefined || reported === '' ? undefined : reported.slice(0, maxTermLength);
}

function terms(reported: readonly string[] | undefined): readonly string[] | undefined {
  if (reported === undefined || reported.length === 0) return undefined;
  return reported.slice(0, maxTerms).map((each) => each.slice(0, maxTermLength));
}

/** Names of Kubernetes have at most 253 characters, kinds and values of labels 63, keys 317. */
function workloadName(workload: Workload | undefined): string | undefined {
  if (workload === undefined || workload.name === '') return undefined;
  return `${workload.kind.slice(0, 63)}/${workload.name.slice(0, 253)}`;
}

function labelTexts(reported: readonly Label[]): readonly string[] | undefined {
  if (reported.length === 0) return undefined;
  return reported.slice(0, maxLabelKeys).map(({ key, value }) => `${key.slice(0, 317)}=${value.slice(0, 63)}`);
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}
