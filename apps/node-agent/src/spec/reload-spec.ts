import type { AttributeReader } from './attribute-reader.ts';
import { attributes } from './attributes.ts';
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
