import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { buildCertificate, nameOf, utf8 } from '../../certificate-text/testing/build-certificate.ts';
import { reportOf } from '../../dispatch/testing/test-fleet.ts';
import { indexedVolumeOf } from '../../fleet-index/model/indexed-volume.ts';
import { FleetView } from '../../fleet-index/view/fleet-view.ts';
import { defaultLanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import { LanePolicies } from '../../lanes/lane-policies.ts';
import { unreachableRedis } from '../../redis/redis-health.ts';
import { CaDirectory } from './ca-directory.ts';

const named = (name: string): Buffer => buildCertificate({ subject: nameOf(['2.5.4.3', utf8(name)]) });
const fingerprintOf = (der: Buffer): string => hash('sha256', der, 'hex');

/** A fleet of volumes with CAs, by node, and what the agents answer. */
function startDirectory(cas: Readonly<Record<string, readonly Buffer[]>>) {
  const clock = new ManualClock(Date.parse('2026-03-01T12:00:00Z'));
  const view = new FleetView();
  for (const [node, ofNode] of Object.entries(cas)) {
    const volumes = ofNode.map((der, i) =>
      indexedVolumeOf(node, reportOf({ id: `v${i}`, caFingerprint: fingerprintOf(der) })),
    );
    view.replaceNode(
      node,
      { agentVersion: '1', connectedTo: '' },
      new Map(volumes.map((each) => [each.volumeId, each])),
    );
  }
  const asked: string[] = [];
  const answers = new Map<string, readonly Uint8Array[]>();
  const directory = new CaDirectory({
    view: () => view,
    clock,
    silentAfterMs: 30_000,
    redisHealth: () => ({ ...unreachableRedis, reachable: true }),
    dispatcher: { mark: { standstill: () => Promise.resolve(undefined) } },
    lanes: { all: () => Promise.resolve(new Map()) },
    policies: new LanePolicies(defaultLanePolicy, []),
    describeVolume: ({ node, volumeId }) => {
      asked.push(`${node}/${volumeId}`);
      const ca = answers.get(`${node}/${volumeId}`);
      if (ca === undefined) return Promise.reject(new CertfleetError('unavailable', `node ${node} does not answer`));
      return Promise.resolve({ volumeId, chain: [], ca: [...ca], absent: '', truncated: false });
    },
  });
  return { directory, clock, view, asked, answers };
}

describe('CaDirectory', () => {
  test('asks one agent for each CA, once, and shows its subject and validity', async () => {
    const [one, two] = [named('one'), named('two')];
    const { directory, asked, answers } = startDirectory({ a: [one, one, two] });
    answers.set('a/v0', [one]).set('a/v2', [two]);
    const { cas, total, withoutCa } = await directory.list();
    assert.deepEqual(
      cas.map(({ subject, count, notAfter }) => [subject, count, notAfter]),
      [
        ['CN=one', 2, '2027-01-01T00:00:00.000Z'],
        ['CN=two', 1, '2027-01-01T00:00:00.000Z'],
      ],
    );
    assert.deepEqual([total, withoutCa, asked], [2, 0, ['a/v0', 'a/v2']]);
    await directory.list();
    assert.equal(asked.length, 2);
  });

  test('does not believe an agent that sends another certificate, and asks again a minute later', async () => {
    const [one, other] = [named('one'), named('other')];
    const { directory, clock, asked, answers } = startDirectory({ a: [one] });
    answers.set('a/v0', [other, Buffer.from('no certificate')]);
    assert.deepEqual(
      (await directory.list()).cas.map(({ subject, unknown }) => [subject, unknown]),
      [[undefined, 'node a sent other certificates']],
    );
    answers.set('a/v0', [one]);
    await directory.list();
    assert.equal(asked.length, 1);
    await clock.advance(60_000);
    assert.equal((await directory.list()).cas[0]?.subject, 'CN=one');
  });

  test('says why a CA is unknown, and asks no silent node', async () => {
    const [one, two] = [named('one'), named('two')];
    const { directory, clock, view, asked } = startDirectory({ a: [one], silent: [two] });
    view.setSeen(
      new Map([
        ['a', clock.now()],
        ['silent', clock.now() - 60_000],
      ]),
    );
    const { cas } = await directory.list();
    assert.deepEqual(cas.map(({ unknown }) => unknown).sort(), [
      'no agent with this CA is connected',
      'node a does not answer',
    ]);
    assert.deepEqual(asked, ['a/v0']);
  });
});
