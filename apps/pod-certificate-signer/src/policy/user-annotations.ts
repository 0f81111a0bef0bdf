import { CertfleetError } from '@certfleet/shared/errors.ts';
import { parseGoDuration } from '@certfleet/shared/go-duration.ts';
import type { IdentityScope } from '@certfleet/shared/identity-variables.ts';
import type { KeyUsage } from '@certfleet/shared/x509/key-usages.ts';
import { lifetimeBounds } from '../kind/pod-certificate-signer-kind.ts';
import { checkedNames } from './certificate-names.ts';
import type { CertificateNames } from './certificate-names.ts';
import { Denial } from './denial.ts';
import type { SignerPolicy } from './signer-policy.ts';

/** What the author of a pod requests within the policy; undefined fields follow the policy. */
export interface Refinement {
  readonly names: CertificateNames;
  readonly usages: readonly KeyUsage[];
  readonly lifetimeSeconds: number | undefined;
  readonly renewBeforeSeconds: number | undefined;
}

const prefix = 'csi.certfleet.io/';
const maxNames = 100;

type Reader = (value: string, refinement: Refinement, context: Context) => Partial<Refinement>;

interface Context {
  readonly policy: SignerPolicy;
  readonly identity: IdentityScope;
}

const readers: Readonly<Record<string, Reader>> = {
  'dns-names': (value, { names }, context) => ({ names: { ...names, dnsNames: requested('dns', value, context) } }),
  'uri-sans': (value, { names }, context) => ({ names: { ...names, uris: requested('uri', value, context) } }),
  'common-name': (value, { names }, { policy, identity }) => {
    if (value !== names.commonName && !policy.mayRequest('dns', value, identity)) throw notAllowed(value);
    return { names: { ...names, commonName: value } };
  },
  'key-usages': (value, _refinement, { policy }) => ({ usages: requestedUsages(items(value), policy) }),
  duration: (value) => ({ lifetimeSeconds: seconds(value, lifetimeBounds.minSeconds) }),
  'renew-before': (value) => ({ renewBeforeSeconds: seconds(value, 1) }),
};

/** The annotations that a pod certificate may have. */
const knownAnnotations: readonly string[] = Object.keys(readers).map((name) => prefix + name);

/**
 * Applies the annotations of a pod certificate. They are not verified by anybody, so they only select among what the
 * policy allows.
 * @throws Denial that names the annotation
 */
export function refine(annotations: Readonly<Record<string, string>>, context: Context): Refinement {
  const { policy, identity } = context;
  let refinement: Refinement = {
    names: policy.namesOf(identity),
    usages: policy.usages,
    lifetimeSeconds: undefined,
    renewBeforeSeconds: undefined,
  };
  for (const [key, value] of Object.entries(annotations).sort()) {
    const name = key.startsWith(prefix) ? key.slice(prefix.length) : '';
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (read === undefined) throw invalid(key, `unknown annotation, known ones: ${knownAnnotations.join(' ')}`);
    try {
      refinement = { ...refinement, ...read(value, refinement, context) };
    } catch (thrown) {
      const isInvalid = thrown instanceof CertfleetError && thrown.code === 'invalid-argument';
      if (!isInvalid && !(thrown instanceof Denial)) throw thrown;
      throw invalid(key, thrown.message);
    }
  }
  const { commonName, dnsNames, uris } = refinement.names;
  if (commonName === undefined && dnsNames.length + uris.length === 0)
    throw new Denial('InvalidUnverifiedUserAnnotations', 'the annotations leave the certificate without a name');
  return { ...refinement, names: checkedNames(refinement.names) };
}

function requested(kind: 'dns' | 'uri', value: string, { policy, identity }: Context): readonly string[] {
  const found = items(value);
  const none: CertificateNames = { commonName: undefined, dnsNames: [], uris: [] };
  const names = checkedNames(kind === 'dns' ? { ...none, dnsNames: found } : { ...none, uris: found });
  const checked = kind === 'dns' ? names.dnsNames : names.uris;
  const refused = checked.find((name) => !policy.mayRequest(kind, name, identity));
  if (refused !== undefined) throw notAllowed(refused);
  return checked;
}

function requestedUsages(found: readonly string[], { usages }: SignerPolicy): readonly KeyUsage[] {
  const refused = found.find((usage) => !(usages as readonly string[]).includes(usage));
  if (refused !== undefined) throw notAllowed(refused);
  if (found.length === 0) throw new Denial('InvalidUnverifiedUserAnnotations', 'expected at least one usage');
  return usages.filter((usage) => found.includes(usage));
}

function seconds(value: string, minimum: number): number {
  const found = Math.floor(parseGoDuration(value) / 1000);
  if (found >= minimum) return found;
  throw new Denial('InvalidUnverifiedUserAnnotations', `expected a duration of at least ${minimum} s`);
}

function items(value: string): readonly string[] {
  const found = value.split(',').map((item) => item.trim());
  if (found.length > maxNames)
    throw new Denial('InvalidUnverifiedUserAnnotations', `expected at most ${maxNames} items, found ${found.length}`);
  return found.filter((item) => item !== '');
}

function notAllowed(found: string): Denial {
  return new Denial('InvalidUnverifiedUserAnnotations', `the signer's policy does not allow ${shown(found)}`);
}

function invalid(key: string, why: string): Denial {
  return new Denial('InvalidUnverifiedUserAnnotations', `${shown(key)}: ${why}`);
}

/** Text of a pod's author for a message: short and on one line. */
function shown(text: string): string {
  return JSON.stringify(text.length > 128 ? `${text.slice(0, 128)}…` : text);
}
