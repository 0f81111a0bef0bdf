import type { IssuerName } from '../model/indexed-volume.ts';

/** Equal issuers are mostly the same object, so that the check runs once per issuer. */
export function perIssuer(check: (issuer: IssuerName) => boolean): (issuer: IssuerName) => boolean {
  const known = new Map<IssuerName, boolean>();
  return (issuer) => {
    let found = known.get(issuer);
    if (found === undefined) known.set(issuer, (found = check(issuer)));
    return found;
  };
}
