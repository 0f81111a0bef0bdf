import { CertfleetError } from '@certfleet/shared/errors.ts';
import { AttributeProblems, quoted } from './attribute-problems.ts';
import { AttributeReader, maxWarnings } from './attribute-reader.ts';
import { attributes } from './attributes.ts';
import { parseFileAccess } from './file-access.ts';
import { parseUnknownAttributes } from './unknown-attributes.ts';
import type { SecretData } from './keystore-spec.ts';
import { parseKeySpec } from './key-spec.ts';
import { parsePodIdentity } from './pod-identity.ts';
import type { PodVariableValues } from './pod-variable-values.ts';
import { PodVariables } from './pod-variables.ts';
import type { PodVariableSettings } from './pod-variables.ts';
import { parseReload, parseRollout } from './reload-spec.ts';
import { parseSubject } from './subject.ts';
import { parseTrust } from './trust-spec.ts';
import { parseFiles } from './volume-files.ts';
import type { ProbeSpec, VolumeSpec } from './volume-spec.ts';

/** Settings that complete a volume's attributes. */
export interface VolumeSpecOptions {
  /** The value of `$NODE_NAME`. */
  readonly nodeName: string;
  /** Which variables of the pod's object are allowed; undefined if the agent does not read pods. */
  readonly podVariables?: PodVariableSettings | undefined;
  /** Known values of these variables. */
  readonly podValues?: PodVariableValues | undefined;
  /** Why the pod has no value for others, by name. */
  readonly podReasons?: Readonly<Record<string, string>>;
  /**
   * Whether the addresses of an existing volume's pod were not known before: an attribute that cannot have them is then
   * an error, because the certificate would lack a name.
   */
  readonly areAddressesNew?: boolean;
  /** Lifetime to request if the volume has none. */
  readonly defaultDurationMs: number;
  /** The pod's fsGroup as the kubelet passes it (VOLUME_MOUNT_GROUP); empty if the pod has none. */
  readonly volumeMountGroup: string;
  /**
   * For an existing volume, only a missing pod is an error. Each other problem is a warning, and the value is used as
   * far as possible: the pod is running with it, and an error would let its certificate expire.
   */
  readonly lenient?: boolean;
  /** Refuses attributes without effect: unknown ones, those of a misspelt group, and those that others exclude. */
  readonly strictAttributes?: boolean;
  /** Whether the agent makes no probes, so that the volume's attributes for them have no effect. */
  readonly areProbesOff?: boolean;
  /** Whether the agent reads no sources of additional trust, so that a new volume must have none. */
  readonly areTrustSourcesOff?: boolean;
  /** Whether the agent sends no signals, so that a new volume must request none. */
  readonly areSignalsOff?: boolean;
  /** Whether no controller rolls workloads, so that a new volume must not request it. */
  readonly areRolloutsOff?: boolean;
  /** The Secret of the volume's nodePublishSecretRef, for a new volume. */
  readonly secretData?: SecretData;
}

/** A volume context of a pod has a few dozen attributes; a pod's whole manifest has at most 1.5 MiB. */
const maxAttributes = 512;
const maxContext = 1024 * 1024;

const hostName = /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?$/i;

function parseDurations(
  reader: AttributeReader,
  defaultDurationMs: number,
): Pick<VolumeSpec, 'durationMs' | 'renewBeforeMs'> {
  const durationMs = reader.read(attributes.duration) ?? defaultDurationMs;
  const renewBeforeMs = reader.read(attributes.renewBefore);
  if (renewBeforeMs === undefined) return { durationMs, renewBeforeMs };
  if (renewBeforeMs <= 0) {
    reader.ignored(attributes.renewBefore, 'it is not greater than 0');
    return { durationMs, renewBeforeMs: undefined };
  }
  // The lifetime of the issued certificate applies, so the value is kept and checked again then.
  if (renewBeforeMs >= durationMs)
    reader.warn(attributes.renewBefore, 'is not shorter than the duration, so it will be ignored');
  return { durationMs, renewBeforeMs };
}

function parseProbe(reader: AttributeReader, areProbesOff = false): ProbeSpec | undefined {
  const port = reader.read(attributes.probePort);
  const serverName = reader.read(attributes.probeServerName);
  if (port !== undefined && areProbesOff)
    reader.warn(attributes.probePort, 'is ignored, the agent makes no probes (chart: app.driver.probe.enabled)');
  if (port !== undefined) return areProbesOff ? undefined : { port, serverName };
  if (reader.isSet(attributes.probeServerName) && reader.isSound(attributes.probePort))
    reader.warn(attributes.probeServerName, 'is ignored, probe-port is not set');
  return undefined;
}

function parseNames(reader: AttributeReader): Pick<VolumeSpec, 'subject' | 'dnsNames' | 'uris' | 'ipAddresses'> {
  const subject = parseSubject(reader);
  const dnsNames = reader.read(attributes.dnsNames);
  const uris = reader.read(attributes.uriSans);
  const ipAddresses = reader.read(attributes.ipSans);
  for (const name of dnsNames) {
    if (!hostName.test(name))
      reader.warn(attributes.dnsNames, `${quoted(name)} is not a host name, issuers may refuse it`);
  }
  if (subject.length + dnsNames.length + uris.length + ipAddresses.length === 0 && !reader.hasUnknownValues) {
    reader.warn(attributes.dnsNames, 'the certificate has neither subject nor names, many issuers refuse that');
  }
  return { subject, dnsNames, uris, ipAddresses };
}

/** Called before anything else, because later steps take time for each attribute. */
function assertBounded(raw: Readonly<Record<string, string>>): void {
  const entries = Object.entries(raw);
  const length = entries.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  if (entries.length <= maxAttributes && length <= maxContext) return;
  throw new CertfleetError(
    'invalid-argument',
    `volumeAttributes: Too many: expected at most ${maxAttributes} attributes of together ${maxContext} ` +
      `characters, found ${entries.length} of ${length}`,
    { reason: 'InvalidAttributes' },
  );
}

/** Freezes plain objects and arrays recursively. */
function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}

/**
 * Parses a CSI volume_context into the specification of the volume.
 * @throws CertfleetError invalid-argument, reason InvalidAttributes, that lists every problem
 */
export function parseVolumeSpec(raw: Readonly<Record<string, string>>, options: VolumeSpecOptions): VolumeSpec {
  const isLenient = options.lenient === true;
  if (!isLenient) assertBounded(raw);
  const podProblems = new AttributeProblems();
  const pod = parsePodIdentity(raw, podProblems);
  const problems = isLenient ? new AttributeProblems() : podProblems;
  const isStrict = options.strictAttributes === true && !isLenient;
  const { nodeName, podVariables: settings, podValues: values = {}, podReasons = {} } = options;
  const podVariables = new PodVariables({ settings, values, problems: podReasons, isExisting: isLenient });
  const fatal = options.areAddressesNew === true ? podProblems : problems;
  const source = { raw, pod, nodeName, podVariables, isLenient, isStrict };
  const reader = new AttributeReader(source, problems, fatal);
  reader.checkAliases(attributes);
  const issuer = {
    name: reader.read(attributes.issuerName),
    kind: reader.read(attributes.issuerKind),
    group: reader.read(attributes.issuerGroup),
  };
  const names = parseNames(reader);
  const durations = parseDurations(reader, options.defaultDurationMs);
  const isCa = reader.read(attributes.isCa);
  const keyUsages = reader.read(attributes.keyUsages);
  const key = parseKeySpec(reader);
  const reusePrivateKey = reader.read(attributes.reusePrivateKey);
  const files = parseFiles(reader, isLenient ? undefined : (options.secretData ?? {}));
  const access = parseFileAccess(reader, options.volumeMountGroup);
  const probe = parseProbe(reader, options.areProbesOff);
  const trust = parseTrust(reader, options.areTrustSourcesOff === true);
  const reload = parseReload(reader, options.areSignalsOff === true);
  const areRolloutsOff = options.areRolloutsOff === true;
  const rollsWorkload = parseRollout(reader, { areRolloutsOff, variables: podVariables.use });
  const { annotations, warnings } = parseUnknownAttributes(raw, problems, { isStrict });
  podProblems.throwIfAny();
  return deepFreeze({
    pod,
    podVariables: podVariables.use,
    issuer,
    ...names,
    ...durations,
    isCa,
    keyUsages,
    key,
    reusePrivateKey,
    ...files,
    probe,
    reload,
    rollsWorkload,
    trust,
    ...access,
    annotations,
    warnings: [...problems.texts, ...warnings, ...reader.warnings].slice(0, maxWarnings),
  });
}
