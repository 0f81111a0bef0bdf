import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import { readCaCertificates } from '../crypto/ca-certificates.ts';
import type { CaCertificate } from '../crypto/ca-certificates.ts';

/** The trust in the status of a CARotation. */
export interface RotationTrust {
  readonly state: 'Add' | 'Remove';
  /** The old and the new CA certificates. */
  readonly certificates: readonly CaCertificate[];
  /** Fingerprints of the CAs whose volumes get the certificates. */
  readonly concerned: ReadonlySet<string>;
  /** Fingerprints that a volume has only if they are its own CA. */
  readonly remove: readonly string[];
}

/** A CARotation as the agent sees it. Without trust, the object says nothing yet or cannot be read. */
export interface CaRotation {
  readonly name: string;
  readonly trust: RotationTrust | undefined;
  readonly problem: string | undefined;
}

/** The old and the new CA, each with some intermediate or cross-signed certificates. */
const limits = { certificates: 16, characters: 64 * 1024 };
const maxFingerprints = 64;
const fingerprintForm = /^[0-9a-f]{64}$/;

/** Reads a CARotation; undefined if the object has no name. */
export function parseRotation(raw: unknown): CaRotation | undefined {
  const { metadata, status } = fieldsOf(raw);
  const { name } = fieldsOf(metadata);
  if (typeof name !== 'string' || name === '') return undefined;
  const { trust } = fieldsOf(status);
  if (trust === undefined || trust === null) return { name, trust: undefined, problem: undefined };
  try {
    return { name, trust: parseTrust(fieldsOf(trust)), problem: undefined };
  } catch (thrown) {
    return { name, trust: undefined, problem: asCertfleetError(thrown).message };
  }
}

function parseTrust({ state, certificates, fingerprints, remove }: Fields): RotationTrust {
  if (state !== 'Add' && state !== 'Remove') throw invalid('state', 'Add or Remove');
  const pem = stringsOf(certificates, 'certificates', limits.certificates).join('\n');
  return {
    state,
    certificates: pem === '' && state === 'Remove' ? [] : readCaCertificates(pem, limits),
    concerned: new Set(fingerprintsOf(fingerprints, 'fingerprints')),
    remove: fingerprintsOf(remove, 'remove'),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function fingerprintsOf(value: unknown, name: string): readonly string[] {
  const texts = stringsOf(value, name, maxFingerprints);
  if (texts.every((text) => fingerprintForm.test(text))) return texts;
  throw invalid(name, 'SHA-256 fingerprints in lower-case hexadecimal');
}

function stringsOf(value: unknown, name: string, max: number): readonly string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.length <= max && value.every((each) => typeof each === 'string')) return value;
  throw invalid(name, `a list of at most ${max} strings`);
}

function invalid(name: string, expectation: string): CertfleetError {
  return new CertfleetError('invalid-argument', `status.trust.${name}: expected ${expectation}`);
}
