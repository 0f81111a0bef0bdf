import { hasAddresses } from '../spec/pod-variable-values.ts';
import type { PodVariableValues } from '../spec/pod-variable-values.ts';
import { joinSecrets } from '../storage/secret-attributes.ts';
import type { ParseVolume } from './parse-volume.ts';
import type { Volume } from './volume.ts';

/**
 * Gives a volume the addresses of its pod; the caller holds the volume's lock.
 * @returns whether they are new
 * @throws CertfleetError invalid-argument if an attribute cannot have them, or as Volume.readdressed does
 */
export function readdressVolume(volume: Volume, addresses: PodVariableValues, parseVolume: ParseVolume): boolean {
  const { record, secrets } = volume;
  if (volume.isRemoving || hasAddresses(record.podValues, addresses)) return false;
  const podValues = { ...record.podValues, ...addresses };
  const attributes = joinSecrets(record.attributes, secrets);
  const spec = parseVolume({ ...record, attributes, podValues, lenient: true, areAddressesNew: true });
  volume.readdressed(spec, podValues);
  return true;
}
