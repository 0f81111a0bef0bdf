import { randomBytes } from 'node:crypto';
import { Secret } from '@certfleet/shared/secret.ts';
import type { StoreFormat } from '../spec/volume-spec.ts';
import { passwordField } from '../storage/secret-attributes.ts';
import type { Volume } from './volume.ts';

const passwordBytes = 16;

/**
 * The password of the volume's stores of one format: the one from an attribute or a Secret, or one generated for an
 * earlier certificate, or a new one that is stored with the volume's secrets (128 random bits, hexadecimal).
 * @throws CertfleetError not-found if the volume was removed
 */
export function keystorePassword(volume: Volume, format: StoreFormat): Secret {
  const field = passwordField[format];
  const known = volume.secrets[field];
  if (known !== undefined) return known;
  const made = new Secret(randomBytes(passwordBytes).toString('hex'));
  // Store it before any file uses it: after a crash the next certificate must use the same password.
  volume.keepSecrets({ [field]: made });
  return made;
}
