import { isIP } from 'node:net';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { annotationKeyProblem } from './qualified-name.ts';

/** One condition that a pod must meet before its certificate is requested. */
export type ReadinessGate =
  | { readonly kind: 'pod-ip'; readonly family: 'any' | 'ipv4' | 'ipv6' }
  | { readonly kind: 'pod-condition'; readonly type: string; readonly status: string }
  | { readonly kind: 'pod-annotation'; readonly key: string };

/** The part of a pod that gates use. */
export interface GatedPod {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
  readonly status?: {
    readonly podIP?: string;
    readonly podIPs?: readonly { readonly ip?: string }[];
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

const conditionStatuses = ['True', 'False', 'Unknown'];

function malformed(value: string, expected: string): CertfleetError {
  return new CertfleetError(
    'invalid-argument',
    `expected a readiness gate ${expected}, found ${JSON.stringify(value)}`,
  );
}

function parsePodIp(value: string, family: string): ReadinessGate {
  if (family === 'any' || family === 'ipv4' || family === 'ipv6') return { kind: 'pod-ip', family };
  throw malformed(value, 'pod-ip:any, pod-ip:ipv4 or pod-ip:ipv6');
}

function parsePodCondition(value: string, condition: string): ReadinessGate {
  const [type = '', status = 'True', ...rest] = condition.split('=');
  if (rest.length === 0 && annotationKeyProblem(type) === undefined && conditionStatuses.includes(status)) {
    return { kind: 'pod-condition', type, status };
  }
  throw malformed(value, 'pod-condition:Type or pod-condition:Type=True, =False or =Unknown');
}

function parsePodAnnotation(value: string, key: string): ReadinessGate {
  if (annotationKeyProblem(key) === undefined) return { kind: 'pod-annotation', key };
  throw malformed(value, "pod-annotation:key with an annotation's key");
}

/**
 * One value of the flag --pod-readiness-gate: `pod-ip:any|ipv4|ipv6`, `pod-condition:Type[=Status]` (default True) or
 * `pod-annotation:key`.
 * @throws CertfleetError invalid-argument that names the expected form
 */
export function parseReadinessGate(value: string): ReadinessGate {
  const colon = value.indexOf(':');
  const argument = value.slice(colon + 1);
  switch (colon === -1 ? '' : value.slice(0, colon)) {
    case 'pod-ip':
      return parsePodIp(value, argument);
    case 'pod-condition':
      return parsePodCondition(value, argument);
    case 'pod-annotation':
      return parsePodAnnotation(value, argument);
    default:
      throw malformed(value, 'that begins with pod-ip:, pod-condition: or pod-annotation:');
  }
}

const ipFamilies = { any: [4, 6], ipv4: [4], ipv6: [6] } as const;

function hasIp(pod: GatedPod, family: 'any' | 'ipv4' | 'ipv6'): boolean {
  // API servers before dual stack only fill podIP.
  const addresses = [pod.status?.podIP, ...(pod.status?.podIPs ?? []).map((entry) => entry.ip)];
  return addresses.some((address) => ipFamilies[family].some((version) => isIP(address ?? '') === version));
}

/** What the gate waits for; undefined if the pod meets it. */
function unmet(gate: ReadinessGate, pod: GatedPod): string | undefined {
  switch (gate.kind) {
    case 'pod-ip':
      return hasIp(pod, gate.family) ? undefined : `pod ip (${gate.family})`;
    case 'pod-condition': {
      const condition = pod.status?.conditions?.find((candidate) => candidate.type === gate.type);
      return condition?.status === gate.status ? undefined : `pod condition (${gate.type}=${gate.status})`;
    }
    case 'pod-annotation':
      return Object.hasOwn(pod.metadata?.annotations ?? {}, gate.key) ? undefined : `pod annotation (${gate.key})`;
  }
}

/** Why the pod does not pass all gates yet, such as `waiting for pod ip (ipv4)`; undefined if it passes. */
export function waitingReason(gates: readonly ReadinessGate[], pod: GatedPod): string | undefined {
  const missing = gates.map((gate) => unmet(gate, pod)).filter((words) => words !== undefined);
  return missing.length === 0 ? undefined : `waiting for ${missing.join(', ')}`;
}
