import assert from 'node:assert/strict';
import { hash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { RotationRequest } from '@certfleet/operator-api/rotations.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { systemClock } from '@certfleet/shared/clock.ts';
import { TestAuthority } from '../../../../e2e/support/test-authority.ts';
import { reportOf } from '../dispatch/testing/test-fleet.ts';
import { indexedVolumeOf } from '../fleet-index/model/indexed-volume.ts';
import { FleetView } from '../fleet-index/view/fleet-view.ts';
import { FileIntentStore } from '../intent/file-intent-store.ts';
import { FleetCas } from './fleet-cas.ts';
import { RotationRequests } from './rotation-requests.ts';

describe('RotationRequests', () => {
  const directory = mkdtempSync(join(tmpdir(), 'certfleet-rotation-'));
  const logger = createLogger(0, { write: () => undefined });
  const store = new FileIntentStore({ directory: join(directory, 'objects'), clock: systemClock, log: logger });
  const view = new FleetView();
  /** The certificates that the agents of nodes send. */
  const answers = new Map<string, readonly Uint8Array[]>();
  const fleetCas = new FleetCas({
    view: () => view,
    clock: systemClock,
    silentAfterMs: 30_000,
    describeVolume: (volume) => {
      const ca = answers.get(volume.node);
      return ca === undefined ? Promise.reject(new Error(`${volume.node} is away`)) : Promise.resolve({ ca });
    },
  });
  const requests = new RotationRequests({
    store,
    logger,
    apiActions: { note: () => Promise.resolve() },
    reconciler: { reconcile: () => Promise.resolve() },
    fleetCas,
  });

  const [from = '', to = '', other = ''] = ['old', 'new', 'other'].map((name) =>
    readFileSync(new TestAuthority(directory, name).files.certificateFile, 'utf8'),
  );
  const derOf = (pem: string): Buffer => new X509Certificate(pem).raw;
  const printOf = (pem: string): string => hash('sha256', derOf(pem), 'hex');
  const report = (node: string, ca: string, issuer = 'corporate'): void => {
    const volume = indexedVolumeOf(node, reportOf({ id: 'v', issuer, caFingerprint: printOf(ca) }));
    view.replaceNode(node, { agentVersion: '1', connectedTo: '' }, new Map([['v', volume]]));
  };
  const start = async (request: Partial<RotationRequest>) =>
    (await requests.start({ from, to, reason: 'test', ...request }, 'jane')).spec;

  before(() => store.start());
  after(async () => {
    await store.stop();
    rmSync(directory, { recursive: true });
  });

  test('knows the subject of a CA once an agent has sent it, and none of an agent that is away', async () => {
    report('learned', from);
    answers.set('learned', [derOf(to), derOf(from)]);
    report('away', to);
    await fleetCas.learn([printOf(from), printOf(to), 'unknown']);
    assert.match(fleetCas.subjectOf(printOf(from)) ?? '', /old/);
    assert.equal(fleetCas.subjectOf(printOf(to)), undefined);
    for (const node of ['learned', 'away']) view.replaceNode(node, { agentVersion: '1', connectedTo: '' }, new Map());
  });

  test('keeps both of two approvals at the same time', async () => {
    await requests.start({ name: 'r', from, to, reason: 'test', holdBefore: ['Reissue', 'Retire'] }, 'jane');
    await Promise.all([requests.approve('r', 'Reissue'), requests.approve('r', 'Retire')]);
    assert.deepEqual((await store.get('CARotation', 'r')).spec.approved, ['Reissue', 'Retire']);
  });

  test('takes the certificate of a CA that is named by its SHA-256 from an agent that has it', async () => {
    for (const node of ['a', 'liar', 'b']) report(node, from);
    answers.set('b', [derOf(other), derOf(from)]).set('liar', [derOf(to)]);
    const colons = printOf(from).toUpperCase().match(/../g)?.join(':');
    const { from: replaced } = await start({ from: colons ?? '' });
    assert.deepEqual(replaced, { certificate: new X509Certificate(from).toString() });
  });

  test('refuses an unknown CA with the known ones, and a CA that no agent sends', async () => {
    report('a', from);
    const unknown = start({ from: printOf(other) });
    await assert.rejects(unknown, { code: 'invalid-argument', message: new RegExp(`known.*${printOf(from)} \\(`) });
    await assert.rejects(start({ from: 'aa' }), { code: 'invalid-argument', message: /^from: expected .* SHA-256/ });
    await assert.rejects(start({ to: 'Issuer.cert-manager.io/shop/x' }), { code: 'invalid-argument', message: /^to:/ });
    report('c', other);
    await assert.rejects(start({ from: printOf(other) }), { code: 'unavailable', message: /c is away/ });
  });

  test('takes the CA of an issuer, unless its volumes have several', async () => {
    const issuer = 'ClusterIssuer.cert-manager.io//vault';
    await assert.rejects(start({ from: issuer }), { message: /no volume has the issuer .*known are: .*corporate/ });
    report('v1', from, 'vault');
    report('v2', to, 'vault');
    assert.deepEqual((await start({ from: issuer })).from, { certificate: new X509Certificate(from).toString() });
    report('v3', other, 'vault');
    await assert.rejects(start({ from: issuer }), { message: /2 CAs; name one by its SHA-256/ });
  });
});
