import { randomBytes } from 'node:crypto';
import { Secret } from '@certfleet/shared/secret.ts';
import type { Volume } from './volume.ts';

const passwordBytes = 16;

/**
 * The password of the volume's keystore: the user's, the one that was made for an earlier certificate, or, where there is
 * neither, one made now and kept with the volume's secrets. 128 bits at random, in hexadecimal.
 * @throws CertfleetError not-found when the volume was removed
 */
export function keystorePassword(volume: Volume): Secret {
  const known = volume.secrets.keystorePassword;
  if (known !== undefined) return known;
  const made = new Secret(randomBytes(passwordBytes).toString('hex'));
  // Before any file shows it: after a kill in between, the next certificate must not come with another password.
  volume.keepSecrets({ keystorePassword: made });
  return made;
}
