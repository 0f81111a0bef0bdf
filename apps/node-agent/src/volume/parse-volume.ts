import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { parseVolumeSpec } from '../spec/parse-volume-spec.ts';
import { AttributeProblems } from '../spec/attribute-problems.ts';
import { parsePodIdentity } from '../spec/pod-identity.ts';
import type { PodIdentity, VolumeSpec } from '../spec/volume-spec.ts';
import type { VolumeReporter } from './volume-reporter.ts';

/** Where a volume's specification comes from: the kubelet's call, or a record on the node. */
interface VolumeSource {
  readonly volumeId: string;
  /** The volume context, its secrets included. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly volumeMountGroup: string;
  /** A record of a volume that runs already: nothing but a missing pod is refused. */
  readonly lenient?: boolean;
}

/** Parses a volume's attributes; a refusal is told to the pod as an Event before it is thrown. */
export type ParseVolume = (source: VolumeSource) => VolumeSpec;

/** A parser with the fleet's default lifetime. */
export function volumeParser(
  defaultDurationMs: number,
  reporter: VolumeReporter,
  strictAttributes = false,
): ParseVolume {
  return ({ volumeId, attributes, volumeMountGroup, lenient = false }) => {
    try {
      return parseVolumeSpec(attributes, { defaultDurationMs, volumeMountGroup, lenient, strictAttributes });
    } catch (thrown) {
      const error = asCertfleetError(thrown);
      reporter.attributesRefused(volumeId, podIdentityOf(attributes), error);
      throw error;
    }
  };
}

/** The pod to tell of bad attributes, when at least the pod itself is well described. */
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
