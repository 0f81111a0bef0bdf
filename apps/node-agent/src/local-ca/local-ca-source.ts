import type { OpenCertificateSource } from '../certificate-source.ts';
import { LocalCaIssuer } from './local-ca-issuer.ts';
import { openLocalCa } from './local-ca.ts';

/** A CA in a directory of this machine instead of cert-manager. */
export function openLocalCaSource(directory: string): OpenCertificateSource {
  return async ({ clock }) => {
    const issuer = new LocalCaIssuer(await openLocalCa(directory, new Date(clock.now())), clock);
    return {
      issuer,
      // Without a cluster there is no API server for Events, and no pod with readiness gates.
      recordEvent: () => undefined,
      awaitGates: () => Promise.resolve(),
      getPod: undefined,
      client: undefined,
      podWatch: undefined,
      nodeReadiness: undefined,
      ready: Promise.resolve(),
      stop: () => issuer.stop(),
    };
  };
}
