import type { AttributeReader } from './attribute-reader.ts';
import { attributes } from './attributes.ts';
import type { TrustRef } from './volume-spec.ts';

/** The volume's sources of additional trust. An agent that reads none refuses a new volume with one. */
export function parseTrust(reader: AttributeReader, areSourcesOff: boolean): readonly TrustRef[] {
  const configMap = reader.read(attributes.trustConfigMapName);
  const key = reader.read(attributes.trustConfigMapKey);
  const bundle = reader.read(attributes.trustClusterBundleName);
  if (
    configMap === undefined &&
    reader.isSet(attributes.trustConfigMapKey) &&
    reader.isSound(attributes.trustConfigMapName)
  )
    reader.ignored(attributes.trustConfigMapKey, 'trust-configmap-name is not set');
  if (areSourcesOff) {
    const why = 'the agent reads no sources of additional trust (chart: app.driver.additionalTrust.enabled)';
    if (configMap !== undefined) reader.reject(attributes.trustConfigMapName, why);
    if (bundle !== undefined) reader.reject(attributes.trustClusterBundleName, why);
    return [];
  }
  return [
    ...(configMap === undefined ? [] : [{ kind: 'ConfigMap' as const, name: configMap, key }]),
    ...(bundle === undefined ? [] : [{ kind: 'ClusterTrustBundle' as const, name: bundle }]),
  ];
}
