import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { parseVolumeSpec } from '../spec/parse-volume-spec.ts';
import type { VolumeSpecOptions } from '../spec/parse-volume-spec.ts';
import { AttributeProblems } from '../spec/attribute-problems.ts';
import { parsePodIdentity } from '../spec/pod-identity.ts';
import type { PodVariableValues } from '../spec/pod-variable-values.ts';
import type { SecretData } from '../spec/keystore-spec.ts';
import type { PodIdentity, VolumeSpec } from '../spec/volume-spec.ts';
import type { VolumeReporter } from './volume-reporter.ts';

/** The source of a volume's specification: the kubelet's call, or a record on the node. */
interface VolumeSource {
  readonly volumeId: string;
  /** The volume context, including its secrets. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly volumeMountGroup: string;
  /** The Secret of the volume's nodePublishSecretRef; not needed for an existing volume. */
  readonly secretData?: SecretData;
  /** True for the record of an existing volume: only a missing pod is an error. */
  readonly lenient?: boolean;
  /** Values of the pod's object, and why others are missing. */
  readonly podValues?: PodVariableValues | undefined;
  readonly podReasons?: Readonly<Record<string, string>>;
  readonly areAddressesNew?: boolean;
}

/** Parses a volume's attributes. On an error the pod gets an Event before it is thrown. */
export type ParseVolume = (source: VolumeSource) => VolumeSpec;

/** Settings of the agent that apply to the attributes of every volume. */
type ParserSettings = Pick<
  VolumeSpecOptions,
  | 'nodeName'
  | 'podVariables'
  | 'defaultDurationMs'
  | 'strictAttributes'
  | 'areProbesOff'
  | 'areSignalsOff'
  | 'areRolloutsOff'
  | 'areTrustSourcesOff'
>;

/** Returns a parser with the agent's settings. */
export function volumeParser(settings: ParserSettings, reporter: VolumeReporter): ParseVolume {
  return ({ volumeId, attributes, ...source }) => {
    try {
      return parseVolumeSpec(attributes, { ...settings, ...source });
    } catch (thrown) {
      const error = asCertfleetError(thrown);
      reporter.attributesRefused(volumeId, podIdentityOf(attributes), error);
      throw error;
    }
  };
}

/** The pod to send the Event to, if the attributes that describe it are valid. */
function podIdentityOf(attributes: Readonly<Record<string, string>>): PodIdentity | undefined {
  const problems = new AttributeProblems();
  const pod = parsePodIdentity(attributes, problems);
  try {
    problems.throwIfAny();
    return pod;
  } catch {
    return undefined;
  }
}
