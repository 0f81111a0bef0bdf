import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { FakeObject } from './fake-api-server.ts';

/** The parts of a pod that a test specifies. */
export interface PodSketch {
  readonly uid: string;
  readonly name?: string;
  readonly node?: string;
  readonly phase?: string;
  readonly createdMs?: number;
  readonly owner?: { readonly kind: string; readonly name: string };
  readonly labels?: Readonly<Record<string, string>>;
  /** The podCertificate sources by volume. */
  readonly volumes?: Readonly<Record<string, readonly object[]>>;
}

export const signer = 'example.com/internal';
const source = { signerName: signer, keyType: 'ECDSAP256' };
const iso = (timeMs: number): string => new Date(timeMs).toISOString();

/** A pod with one projection, or as the test specifies. */
export function podObject(sketch: PodSketch): FakeObject {
  const { uid, name = uid, node = 'node-1', phase = 'Running', createdMs = 0, owner, labels = {} } = sketch;
  const volumes = Object.entries(sketch.volumes ?? { tls: [source] }).map(([volume, sources]) => ({
    name: volume,
    projected: { sources: [{ configMap: { name: 'other' } }, ...sources.map((each) => ({ podCertificate: each }))] },
  }));
  return {
    metadata: {
      ...{ uid, name, labels, namespace: 'shop', creationTimestamp: iso(createdMs) },
      ...(owner && { ownerReferences: [{ ...owner, controller: true }] }),
    },
    spec: { nodeName: node, serviceAccountName: 'web', volumes: [{ name: 'scratch', emptyDir: {} }, ...volumes] },
    status: { phase },
  };
}

const keys = {
  ECDSAP256: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  ED25519: generateKeyPairSync('ed25519').privateKey,
};

/** The parts of a request that a test specifies. */
export interface RequestSketch {
  readonly uid: string;
  readonly podUid: string;
  readonly createdMs: number;
  readonly keyType?: keyof typeof keys;
  readonly spec?: object;
  readonly answer?:
    | { readonly type: 'Denied' | 'Failed'; readonly reason: string; readonly message: string }
    | { readonly type: 'Issued'; readonly lifetimeMs: number };
}

/** A request of Kubernetes 1.35, whose public key is a field of its own. */
export function requestObject({
  uid,
  podUid,
  createdMs,
  keyType = 'ECDSAP256',
  spec,
  answer,
}: RequestSketch): FakeObject {
  const publicKey = createPublicKey(keys[keyType]).export({ type: 'spki', format: 'der' });
  return {
    metadata: { uid, name: `req-${uid}`, namespace: 'shop', creationTimestamp: iso(createdMs) },
    spec: {
      ...{ signerName: signer, podName: podUid, podUID: podUid, maxExpirationSeconds: 86_400 },
      pkixPublicKey: publicKey.toString('base64'),
      ...spec,
    },
    ...(answer && { status: statusOf(createdMs, answer) }),
  };
}

/** A certificate is refreshed after two thirds of its lifetime. */
function statusOf(createdMs: number, answer: NonNullable<RequestSketch['answer']>): object {
  if (answer.type !== 'Issued') return { conditions: [{ ...answer, status: 'True' }] };
  const { lifetimeMs } = answer;
  return {
    conditions: [{ type: 'Issued', status: 'True', reason: 'Issued', message: '' }],
    certificateChain: '-----BEGIN CERTIFICATE-----',
    notBefore: iso(createdMs),
    beginRefreshAt: iso(createdMs + (lifetimeMs * 2) / 3),
    notAfter: iso(createdMs + lifetimeMs),
  };
}
