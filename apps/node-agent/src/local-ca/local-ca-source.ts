import type { OpenCertificateSource } from '../certificate-source.ts';
import { LocalCaIssuer } from './local-ca-issuer.ts';
import { openLocalCa, readLocalCa } from './local-ca.ts';

/**
 * A CA in a directory of this machine instead of cert-manager.
 * @param rotationsDirectory of the CARotations of a controller on this machine
 */
export function openLocalCaSource(directory: string, rotationsDirectory?: string): OpenCertificateSource {
  return async ({ clock }) => {
    const now = (): Date => new Date(clock.now());
    // Replacing the file replaces the CA, as the Secret of an issuer in a cluster.
    const issuer = new LocalCaIssuer(await openLocalCa(directory, now()), clock, () => readLocalCa(directory, now()));
    return {
      issuer,
      rotationsDirectory,
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
