import type { AttributeReader } from './attribute-reader.ts';
import { attributes } from './attributes.ts';
import { usesAddresses } from './pod-variables.ts';
import type { PodVariableUse } from './pod-variables.ts';
import type { ReloadSpec } from './volume-spec.ts';

/** What the agent does after a renewal, besides the files. An agent that sends no signals refuses a new volume with one. */
export function parseReload(reader: AttributeReader, areSignalsOff: boolean): ReloadSpec | undefined {
  const signal = reader.read(attributes.reloadSignal);
  const containers = reader.read(attributes.reloadContainers);
  if (signal === undefined) {
    if (reader.isSet(attributes.reloadContainers) && reader.isSound(attributes.reloadSignal))
      reader.ignored(attributes.reloadContainers, 'reload-signal is not set');
    return undefined;
  }
  if (!areSignalsOff) return { signal, containers };
  reader.reject(attributes.reloadSignal, 'the agent sends no signals (chart: app.driver.reloadSignals.enabled)');
  return undefined;
}

/**
 * Whether the controller rolls the pod's workload after each renewal. Not if the names contain addresses of the pod: their
 * change is a renewal too, and a rollout changes them.
 */
export function parseRollout(
  reader: AttributeReader,
  { areRolloutsOff, variables }: { readonly areRolloutsOff: boolean; readonly variables: PodVariableUse },
): boolean {
  if (!reader.read(attributes.reloadRollout)) return false;
  const excluded = [attributes.reloadSignal, attributes.reloadContainers].filter((each) => reader.isSet(each));
  if (excluded.length > 0) reader.reject(attributes.reloadRollout, rolloutWords.excludes(excluded));
  else if (usesAddresses(variables))
    reader.reject(attributes.reloadRollout, 'excludes variables of the addresses of the pod: a rollout changes them');
  else if (areRolloutsOff)
    reader.reject(attributes.reloadRollout, 'the controller rolls no workloads (chart: controller.rollouts.enabled)');
  else return true;
  return false;
}

/** Problems that the admission policies report too. */
export const rolloutWords = {
  excludes: (others: readonly { readonly name: string }[]): string =>
    `excludes ${others.map(({ name }) => name).join(', ')}`,
} as const;
