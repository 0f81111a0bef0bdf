import { CertfleetError } from '@certfleet/shared/errors.ts';
import { expand } from '@certfleet/shared/expand.ts';
import { identityVariables } from '@certfleet/shared/identity-variables.ts';
import type { IdentityScope } from '@certfleet/shared/identity-variables.ts';

export interface CertificateNames {
  readonly commonName: string | undefined;
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
}

/** ub-common-name of RFC 5280. */
const maxCommonName = 64;

/**
 * Replaces the variables of the verified identity in a text of a policy.
 * @throws CertfleetError invalid-argument for an unknown variable
 */
export function expandTemplate(template: string, scope: IdentityScope): string {
  return expand(template, (name) => {
    const variable = Object.hasOwn(identityVariables, name) ? identityVariables[name] : undefined;
    if (variable !== undefined) return variable(scope);
    const known = Object.keys(identityVariables).join(' ');
    throw new CertfleetError(
      'invalid-argument',
      `undefined variable ${JSON.stringify(name)}, known variables: [${known}]`,
    );
  });
}

/** @throws CertfleetError invalid-argument if a name cannot be in a certificate */
export function checkedNames(names: CertificateNames): CertificateNames {
  const { commonName, uris } = names;
  const dnsNames = names.dnsNames.map((name) => name.toLowerCase());
  for (const name of dnsNames) if (!isDnsName(name)) throw invalid(`${JSON.stringify(name)} is not a DNS name`);
  for (const uri of uris)
    if (!isUri(uri)) throw invalid(`${JSON.stringify(uri)} is not a URI with a scheme and a host`);
  if (commonName !== undefined && (commonName.length > maxCommonName || /\p{Cc}/u.test(commonName))) {
    throw invalid(`the common name ${JSON.stringify(commonName)} has more than ${maxCommonName} characters`);
  }
  return { commonName, dnsNames: [...new Set(dnsNames)], uris: [...new Set(uris)] };
}

/** A host name (RFC 1123), with underscores, and a wildcard as its first label; never empty labels. */
function isDnsName(name: string): boolean {
  const label = '[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?';
  return name.length <= 253 && new RegExp(`^(\\*\\.)?${label}(\\.${label})*$`).test(name);
}

/** Without dot segments, which a reader may resolve to another path. */
function isUri(uri: string): boolean {
  if (/\/\.{1,2}(?:[/?#]|$)/.test(uri)) return false;
  return /^[A-Za-z][A-Za-z\d+.-]*:\/\/[\x21-\x7e]+$/.test(uri) && !/["<>\\^`{|}]/.test(uri) && URL.canParse(uri);
}

function invalid(message: string): CertfleetError {
  return new CertfleetError('invalid-argument', message);
}
