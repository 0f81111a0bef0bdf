import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { systemClock } from '@certfleet/shared/clock.ts';
import { parseVolumeSpec } from '../spec/parse-volume-spec.ts';
import { issueCertificate } from './issue-certificate.ts';
import type { IssuanceDependencies, IssuanceOrder } from './issue-certificate.ts';
import { LocalCaIssuer } from '../local-ca/local-ca-issuer.ts';
import { openLocalCa } from '../local-ca/local-ca.ts';

const directory = mkdtempSync(join(tmpdir(), 'certfleet-issue-'));
after(() => rmSync(directory, { recursive: true }));
const issuer = new LocalCaIssuer(await openLocalCa(directory, new Date()), systemClock);
const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const spec = parseVolumeSpec(
  {
    'csi.storage.k8s.io/pod.name': 'web',
    'csi.storage.k8s.io/pod.namespace': 'shop',
    'csi.storage.k8s.io/pod.uid': 'u1',
    'csi.storage.k8s.io/serviceAccount.name': 'default',
    'csi.cert-manager.io/issuer-name': 'ca',
    'csi.cert-manager.io/common-name': 'web',
    'csi.cert-manager.io/key-algorithm': 'ECDSA',
  },
  { nodeName: 'node-1', defaultDurationMs: 3_600_000, volumeMountGroup: '' },
);
const never = new AbortController().signal;

function setUp(
  changes: Partial<IssuanceDependencies> = {},
  order: Partial<IssuanceOrder> = {},
): { steps: string[]; issue: (signal?: AbortSignal) => ReturnType<typeof issueCertificate> } {
  const steps: string[] = [];
  const dependencies: IssuanceDependencies = {
    issuer: {
      issue: (request, signal, onCreated) => {
        steps.push('send');
        return issuer.issue(request, signal, onCreated);
      },
      discard: (request) => issuer.discard(request),
      takeRequestsAtStart: () => [],
      stop: () => Promise.resolve(),
    },
    awaitTrust: () => Promise.resolve(),
    takeKey: () => {
      steps.push('take key');
      return Promise.resolve(newKey());
    },
    awaitGates: () => {
      steps.push('await gates');
      return Promise.resolve();
    },
    clock: systemClock,
    observePhase: (phase) => steps.push(`(${phase})`),
    ...changes,
  };
  const whole: IssuanceOrder = {
    volumeId: 'v',
    spec,
    requestName: `r-${Math.random()}`,
    isFirst: true,
    urgency: 'mount',
    key: undefined,
    serviceAccountToken: undefined,
    rememberKey: () => steps.push('remember key'),
    ...order,
  };
  return { steps, issue: (signal = never) => issueCertificate(dependencies, whole, signal) };
}

describe('issueCertificate', () => {
  test('runs gates, key, request and verification, and stores the key before the request is sent', async () => {
    const { steps, issue } = setUp();
    const { key, certificate } = await issue();
    assert.deepEqual(steps, [
      ...['await gates', '(gate)', 'take key', '(key)', 'remember key', 'send', '(request)', '(wait)'],
    ]);
    assert.equal(key.asymmetricKeyType, 'ec');
    assert.match(certificate.subject, /web/);
  });

  test('renews without gates, and generates no key if it gets one', async () => {
    const key = newKey();
    const { steps, issue } = setUp({}, { isFirst: false, key });
    assert.equal((await issue()).key, key);
    assert.deepEqual(steps, ['remember key', 'send', '(request)', '(wait)']);
  });

  test('stores a key that is ready too late for the next attempt, and sends no request', async () => {
    const aborter = new AbortController();
    const { steps, issue } = setUp({
      takeKey: () => {
        aborter.abort(new Error('too late'));
        return Promise.resolve(newKey());
      },
    });
    await assert.rejects(issue(aborter.signal), /too late/);
    assert.ok(steps.includes('remember key') && !steps.includes('send'));
  });

  test('rejects a certificate for another key', async () => {
    const other = await setUp({}, { key: newKey() }).issue();
    const { certificatePem, caPem } = other.certificate;
    const stranger = {
      issue: () => Promise.resolve({ certificatePem, caPem }),
      discard: () => Promise.resolve(),
      takeRequestsAtStart: () => [],
      stop: () => Promise.resolve(),
    };
    await assert.rejects(setUp({ issuer: stranger }).issue(), {
      code: 'failed-precondition',
      reason: 'InvalidCertificate',
    });
  });
});
