// The operators' HTTP API of a complete controller on a real Redis with the agents' links.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryVolumes } from '../../apps/node-agent/src/fleet/testing/memory-volumes.ts';
import { runCli } from '../../apps/renewal-controller/src/cli/run-cli.ts';
import type { Audit } from '../../libs/operator-api/src/audit.ts';
import type { ChangeEvent } from '../../libs/operator-api/src/change-events.ts';
import type { LanePage } from '../../libs/operator-api/src/lanes.ts';
import type { NodeDetail } from '../../libs/operator-api/src/nodes.ts';
import type { Renewal, RenewalPreview } from '../../libs/operator-api/src/renewals.ts';
import type { Session } from '../../libs/operator-api/src/session.ts';
import type { Summary, Verdict } from '../../libs/operator-api/src/summary.ts';
import type { Timeline } from '../../libs/operator-api/src/timeline.ts';
import type { Facets, VolumeGroups, VolumePage, VolumeRow } from '../../libs/operator-api/src/volumes.ts';
import { systemClock } from '../../libs/shared/src/clock.ts';
import { EventReader } from './support/event-reader.ts';
import { eventually } from './support/eventually.ts';
import { OperatedFleet, RenewingVolumes, reportOf } from './support/operated-fleet.ts';

/** The output of the command line for the fleet's controller. */
async function commandLine(fleet: OperatedFleet, ...argv: readonly string[]): Promise<string> {
  let out = '';
  const print = (text: string): void => void (out += text);
  const code = await runCli({
    argv: [...argv, `--server=${fleet.origin}`],
    env: {},
    clock: systemClock,
    print,
    printError: print,
  });
  assert.equal(code, 0, out);
  return out;
}

async function allShown(fleet: OperatedFleet, count: number): Promise<void> {
  await eventually(`${count} volumes to be shown`, async () => {
    return (await fleet.ask<VolumePage>('volumes')).body.total === count;
  });
}

const idsOf = ({ volumes }: VolumePage): readonly string[] => volumes.map(({ volumeId }) => volumeId);

// They mostly wait, each for a controller and a Redis of its own.
describe('the operators’ API', { concurrency: 4 }, () => {
  test('the table is searched, filtered, sorted and paged without gaps', async () => {
    await using fleet = await OperatedFleet.start();
    await fleet.startController();
    const volumes = new MemoryVolumes();
    for (let i = 0; i < 7; i += 1) {
      const [namespace, issuer] = i % 2 === 0 ? ['shop', 'corporate'] : ['bank', 'public'];
      volumes.set(`csi-${i}`, reportOf(`csi-${i}`, { expiresInMs: 3_600_000 - i * 60_000, namespace, issuer }));
    }
    volumes.set('csi-7', reportOf('csi-7', { error: '=HYPERLINK("http://evil")' }));
    fleet.startAgent(volumes);
    await allShown(fleet, 8);
    const ask = async (query: string): Promise<VolumePage> => (await fleet.ask<VolumePage>(`volumes?${query}`)).body;

    assert.deepEqual(idsOf(await ask('search=CSI-3')), ['csi-3']);
    assert.deepEqual(idsOf(await ask('search=csi-4.example&sort=pod')), ['csi-4']);
    assert.deepEqual(idsOf(await ask('search=hyperlink')), ['csi-7'], 'the text of the last failure');
    assert.deepEqual(idsOf(await ask(`search=${encodeURIComponent('bank/pod-of-csi-3')}`)), ['csi-3']);
    assert.deepEqual(idsOf(await ask('namespace=bank&sort=pod&order=desc')), ['csi-5', 'csi-3', 'csi-1']);
    assert.deepEqual(idsOf(await ask('state=failing,expired')), ['csi-7']);
    const soon = new Date(Date.now() + 3_600_000 - 4.5 * 60_000).toISOString();
    assert.deepEqual(idsOf(await ask(`expiresBefore=${encodeURIComponent(soon)}`)), ['csi-6', 'csi-5']);

    const seen: string[] = [];
    for (let after: string | undefined = ''; after !== undefined;) {
      const page = await ask(`sort=namespace&limit=3${after === '' ? '' : `&after=${after}`}`);
      assert.equal(page.total, 8);
      seen.push(...idsOf(page));
      after = page.next;
    }
    assert.deepEqual(seen, ['csi-1', 'csi-3', 'csi-5', 'csi-0', 'csi-2', 'csi-4', 'csi-6', 'csi-7']);
    // Backwards from the last page, which a shared link may open.
    const last = await ask(
      `sort=namespace&order=desc&limit=3&after=${(await ask('sort=namespace&order=desc&limit=6')).next ?? ''}`,
    );
    const back: string[][] = [[...idsOf(last)]];
    for (let before = last.previous; before !== undefined;) {
      const page = await ask(`sort=namespace&order=desc&limit=3&before=${before}`);
      back.unshift([...idsOf(page)]);
      before = page.previous;
    }
    assert.deepEqual(back, [
      ['csi-0', 'csi-2', 'csi-4'],
      ['csi-6', 'csi-7', 'csi-1'],
      ['csi-3', 'csi-5'],
    ]);
    assert.equal((await fleet.ask('volumes?after=nonsense')).status, 400);
    assert.equal((await fleet.ask('volumes?sort=colour')).status, 400);

    const facets = (await fleet.ask<Facets>('volumes/facets?limit=1')).body;
    assert.deepEqual(facets.namespaces, [{ value: 'shop', count: 5 }]);
    assert.equal(facets.isComplete, false);
    const csv = await fleet.ask<string>('volumes/export?format=csv&sort=pod');
    assert.match(csv.headers.get('content-disposition') ?? '', /attachment; filename="certfleet-volumes-[\d-]+\.csv"/);
    const lines = csv.body.split('\r\n');
    assert.equal(lines.length, 10);
    assert.match(lines[0] ?? '', /^namespace,pod,node,issuer,state,/);
    const formula = lines[8] ?? '';
    assert.ok(formula.includes(`"'=HYPERLINK(""http://evil"")"`), formula);
    const json = await fleet.ask<VolumeRow[]>('volumes/export?format=json&namespace=bank');
    assert.deepEqual(json.body.map(({ volumeId }) => volumeId).sort(), ['csi-1', 'csi-3', 'csi-5']);
  });

  test('table, filter, summary, export and command line show what probed pods serve', async () => {
    await using fleet = await OperatedFleet.start();
    await fleet.startController();
    const sinceMs = Date.now() - 600_000;
    const since = new Date(sinceMs).toISOString();
    const volumes = new MemoryVolumes();
    volumes.set('csi-plain', reportOf('csi-plain'));
    volumes.set('csi-good', reportOf('csi-good', { served: { state: 'served', sinceMs } }));
    volumes.set('csi-old', reportOf('csi-old', { served: { state: 'not-loaded', sinceMs } }));
    volumes.set('csi-mute', reportOf('csi-mute', { served: { state: 'unknown', sinceMs, failure: 'refused' } }));
    fleet.startAgent(volumes);
    await allShown(fleet, 4);

    const { volumes: rows } = (await fleet.ask<VolumePage>('volumes?sort=pod')).body;
    assert.deepEqual(
      rows.map(({ served }) => served),
      [
        { state: 'served', since },
        { state: 'unknown', since, failure: 'refused' },
        { state: 'not-loaded', since },
        undefined,
      ],
    );
    assert.deepEqual(idsOf((await fleet.ask<VolumePage>('volumes?served=not-loaded')).body), ['csi-old']);
    const both = await fleet.ask<VolumePage>('volumes?served=served,unknown&sort=pod');
    assert.deepEqual(idsOf(both.body), ['csi-good', 'csi-mute']);
    assert.equal((await fleet.ask('volumes?served=maybe')).status, 400);

    const { attention } = (await fleet.ask<Summary>('summary')).body;
    assert.deepEqual(
      attention.map(({ kind, severity, count, link }) => ({ kind, severity, count, link })),
      [{ kind: 'not-loaded', severity: 'warning', count: 1, link: '/volumes/node-a/csi-old' }],
    );
    assert.match(attention[0]?.text ?? '', /^pod shop\/pod-of-csi-old has not loaded .* since \d\d:\d\d UTC: /);
    assert.equal(attention[0]?.since, since);

    const csv = (await fleet.ask<string>('volumes/export?format=csv&served=not-loaded')).body.split('\r\n');
    assert.match(csv[0] ?? '', /,served,served_since,.*,volume_id,cluster$/);
    assert.ok(csv.some((line) => line.includes(`,not-loaded,${since},`) && line.endsWith(',csi-old,')));

    const listed = await commandLine(fleet, 'list', '--served=not-loaded');
    assert.match(listed, /SERVED +VOLUME\n.*pod-of-csi-old .*not-loaded +csi-old\n$/);
    assert.doesNotMatch(listed, /csi-good/);
    const shown = await commandLine(fleet, 'show', 'csi-mute');
    assert.match(shown, /served +unknown/);
    assert.match(shown, /probeFailure +refused/);
    assert.ok(shown.includes(since));
  });

  test('limits for certificates are counted, and their violations are listed, exported and renewed', async () => {
    await using fleet = await OperatedFleet.start();
    const limits = ['--posture-min-rsa-bits=3072', '--posture-refused-signature=*sha1*', '--posture-max-lifetime=90m'];
    await fleet.startController(...limits);
    const volumes = new RenewingVolumes();
    const signatureAlgorithm = 'sha256WithRSAEncryption';
    volumes.set('csi-good', reportOf('csi-good', { posture: { keyBits: 4096, signatureAlgorithm } }));
    const weak = { keyBits: 2048, signatureAlgorithm: 'sha1WithRSAEncryption', requestedSeconds: 7_200 };
    const usages = ['digital signature', 'server auth'];
    volumes.set('csi-weak', reportOf('csi-weak', { posture: { ...weak, usages } }));
    volumes.set('csi-ca', reportOf('csi-ca', { posture: { curve: 'P-256', signatureAlgorithm, isCa: true } }));
    // Of an agent of an earlier release.
    volumes.set('csi-old', reportOf('csi-old', { expiresInMs: 2 * 3_600_000 }));
    fleet.startAgent(volumes);
    await allShown(fleet, 4);
    const { posture } = (await fleet.ask<Summary>('summary')).body;
    assert.deepEqual(
      posture.violations.map(({ kind, count }) => [kind, count]),
      [
        ['rsa-bits', 1],
        ['signature', 1],
        ['lifetime', 1],
        ['ca', 1],
      ],
    );
    assert.equal(posture.unknown, 1);
    const shown = await Promise.all(
      posture.violations.map(async ({ link }) => idsOf((await fleet.ask<VolumePage>(link.slice(1))).body)),
    );
    assert.deepEqual(shown, [['csi-weak'], ['csi-weak'], ['csi-old'], ['csi-ca']]);

    const csv = (await fleet.ask<string>('volumes/export?format=csv&rsaBelow=3072')).body.split('\r\n');
    assert.match(
      csv[0] ?? '',
      /,key_bits,curve,signature,lifetime_seconds,requested_seconds,is_ca,usages,volume_id,cluster$/,
    );
    assert.match(csv[1] ?? '', /,2048,,sha1WithRSAEncryption,\d+,7200,false,digital signature; server auth,csi-weak,$/);
    const listed = await commandLine(fleet, 'list', '--posture', '--signature=*SHA1*');
    assert.match(listed, /KEY +SIGNATURE +LIFETIME +REQUESTED +CA +USAGES +VOLUME\n/);
    assert.match(listed, /2048 +sha1WithRSAEncryption +1h +2h +false +digital signature, server auth +csi-weak\n$/);
    const asking = await commandLine(fleet, 'list', '--requested-over=1h', '--usage=code signing,server auth');
    assert.match(asking, /^[^\n]+\n[^\n]+csi-weak\n$/);
    assert.match(await commandLine(fleet, 'list', '--requested-over=2h'), /^[^\n]+\n$/, 'not what requests just that');
    assert.match(await commandLine(fleet, 'status'), /^RSA keys below 3072 bits +1$/m);
    assert.equal((await fleet.ask('volumes?lifetimeOver=long')).status, 400);

    // A renewal has the same criteria: it never replaces more than the table shows.
    await commandLine(fleet, 'renew', '-n', 'shop', '--rsa-below=3072', '--reason=too short');
    await eventually('the renewal', () => volumes.renewals.length > 0);
    await eventually('the end of the renewal', async () => {
      const { body } = await fleet.ask<{ readonly renewals: readonly Renewal[] }>('renewals');
      return body.renewals.every(({ state }) => state === 'finished');
    });
    assert.deepEqual(
      volumes.renewals.map(({ volumeId }) => volumeId),
      ['csi-weak'],
    );
  });

  test('workloads and chosen labels are shown, filtered, grouped, exported and renewed', async () => {
    await using fleet = await OperatedFleet.start();
    await fleet.startController('--pod-label=team', '--pod-label=owner');
    const volumes = new RenewingVolumes();
    volumes.set('csi-1', reportOf('csi-1', { deployment: 'web', team: 'payments' }));
    volumes.set('csi-2', reportOf('csi-2', { deployment: 'web', team: 'payments', expiresInMs: 3_500_000 }));
    volumes.set('csi-3', reportOf('csi-3', { deployment: 'web', team: 'search', namespace: 'bank' }));
    // Of an agent of an earlier release.
    volumes.set('csi-old', reportOf('csi-old'));
    fleet.startAgent(volumes);
    await allShown(fleet, 4);
    const ask = async (query: string): Promise<VolumePage> =>
      (await fleet.ask<VolumePage>(`volumes?sort=pod&${query}`)).body;
    const [first] = (await ask('volumeId=csi-1')).volumes;
    assert.deepEqual([first?.workload, first?.labels], ['Deployment/web', { team: 'payments' }]);
    assert.deepEqual(idsOf(await ask('workload=web')), ['csi-1', 'csi-2', 'csi-3']);
    assert.deepEqual(idsOf(await ask('workload=bank/Deployment/web')), ['csi-3']);
    assert.deepEqual(idsOf(await ask('label=team=pay*')), ['csi-1', 'csi-2']);
    assert.deepEqual(idsOf(await ask('label=team=payments,owner=x')), []);
    assert.equal((await fleet.ask('volumes?label=team')).status, 400);
    const groups = async (by: string): Promise<readonly (readonly [string, number])[]> => {
      const { body } = await fleet.ask<VolumeGroups>(`volumes/groups?by=${by}&sort=value`);
      return body.groups.map(({ value, count }) => [value, count]);
    };
    assert.deepEqual(await groups('workload'), [
      ['', 1],
      ['bank/Deployment/web', 1],
      ['shop/Deployment/web', 2],
    ]);
    assert.deepEqual(await groups('label:team'), [
      ['', 1],
      ['payments', 2],
      ['search', 1],
    ]);
    assert.equal((await fleet.ask('volumes/groups?by=label:')).status, 400);
    assert.deepEqual((await fleet.ask<Session>('session')).body.podLabels, ['team', 'owner']);
    const csv = (await fleet.ask<string>('volumes/export?format=csv&volumeId=csi-3')).body.split('\r\n');
    assert.match(csv[0] ?? '', /,workload,labels,/);
    assert.match(csv[1] ?? '', /,Deployment\/web,team=search,/);
    assert.match(await commandLine(fleet, 'list', '--group-by=label:team'), /^payments +2 +0 /m);
    const metrics = await fleet.metrics();
    assert.match(metrics, /label_volumes\{label="team",value="payments",state="well"\} 2\n/);
    assert.match(metrics, /label_soonest_not_after_timestamp_seconds\{label="team",value="search"\} \d/);
    await commandLine(fleet, 'renew', '--workload=Deployment/web', '--label=team=search', '--reason=leaked');
    await eventually('the end of the renewal', async () => {
      const { body } = await fleet.ask<{ readonly renewals: readonly Renewal[] }>('renewals');
      return body.renewals.length === 1 && body.renewals.every(({ state }) => state === 'finished');
    });
    assert.deepEqual(
      volumes.renewals.map(({ volumeId }) => volumeId),
      ['csi-3'],
    );
  });

  test('the cluster is named in summary, session, exports, audit and command line', async () => {
    await using fleet = await OperatedFleet.start();
    await fleet.startController('--cluster-name=prod-eu');
    const volumes = new MemoryVolumes();
    volumes.set('csi-1', reportOf('csi-1'));
    fleet.startAgent(volumes);
    await allShown(fleet, 1);
    assert.equal((await fleet.ask<Summary>('summary')).body.cluster, 'prod-eu');
    assert.equal((await fleet.ask<Session>('session')).body.cluster, 'prod-eu');
    const csv = await fleet.ask<string>('volumes/export?format=csv');
    assert.match(csv.headers.get('content-disposition') ?? '', /"certfleet-prod-eu-volumes-[\d-]+\.csv"/);
    const [titles = '', row = ''] = csv.body.split('\r\n');
    assert.deepEqual(
      [titles, row].map((line) => line.split(',').at(-1)),
      ['cluster', 'prod-eu'],
    );
    const json = await fleet.ask<readonly { readonly cluster?: string }[]>('volumes/export?format=json');
    assert.deepEqual(
      json.body.map(({ cluster }) => cluster),
      ['prod-eu'],
    );
    const audit = await fleet.ask<string>('audit/export?format=csv&action=export');
    assert.match(audit.headers.get('content-disposition') ?? '', /"certfleet-prod-eu-audit-[\d-]+\.csv"/);
    const [, ...entries] = audit.body.trimEnd().split('\r\n');
    assert.ok(entries.length >= 2);
    for (const entry of entries) assert.match(entry, /,prod-eu$/);
    assert.match(await commandLine(fleet, 'status'), /^cluster +prod-eu$/m);
  });

  test('what is at risk is counted, listed and grouped, and decides the verdict', async () => {
    await using fleet = await OperatedFleet.start();
    await fleet.startController();
    const volumes = new MemoryVolumes();
    volumes.set('csi-ok', reportOf('csi-ok'));
    volumes.set('csi-bad', reportOf('csi-bad', { error: 'rate limit exceeded', issuer: 'broken' }));
    volumes.set('csi-old', reportOf('csi-old', { dueInMs: -7_200_000, expiresInMs: -500 }));
    fleet.startAgent(volumes);
    await allShown(fleet, 3);
    await eventually('the attention', async () => {
      const { body } = await fleet.ask<Summary>('summary');
      return body.attention.length === 3;
    });
    const { body: summary } = await fleet.ask<Summary>('summary');
    assert.deepEqual([summary.atRisk, summary.atRiskByState.failing, summary.atRiskByState.healthy], [2, 1, 0]);
    const { level, reasons } = summary.verdict;
    assert.deepEqual([level, reasons[0]?.text], ['critical', summary.attention[0]?.text]);
    assert.deepEqual((await fleet.ask<Verdict>('verdict')).body, summary.verdict);
    const risky = await fleet.ask<VolumePage>('volumes?risk=any&sort=expires');
    assert.deepEqual(
      risky.body.volumes.map(({ volumeId, risk }) => [volumeId, risk?.reason]),
      [
        ['csi-old', 'expired'],
        ['csi-bad', 'failing'],
      ],
    );
    assert.deepEqual(idsOf((await fleet.ask<VolumePage>('volumes?risk=none')).body), ['csi-ok']);
    assert.equal((await fleet.ask('volumes?risk=bogus')).status, 400);
    const { body: groups } = await fleet.ask<VolumeGroups>('volumes/groups?by=issuer');
    assert.deepEqual([groups.total, groups.volumes], [2, 3]);
    const broken = groups.groups.find(({ value }) => value.endsWith('/broken'));
    assert.deepEqual([broken?.count, broken?.atRisk], [1, 1]);
    const { body: first } = await fleet.ask<VolumeGroups>('volumes/groups?by=risk&sort=expires&limit=1');
    assert.deepEqual([first.groups[0]?.value, first.groups.length, first.total], ['expired', 1, 3]);
  });

  test('a node that reports times of the far future hides neither its problems nor those of others', async () => {
    await using fleet = await OperatedFleet.start();
    await fleet.startController();
    const volumes = new MemoryVolumes();
    const far = Date.UTC(12_000, 0);
    const late = reportOf('csi-late', { error: 'no', issuer: 'late' });
    volumes.set('csi-late', { ...late, lastFailure: late.lastFailure && { ...late.lastFailure, at: new Date(far) } });
    volumes.set('csi-deaf', reportOf('csi-deaf', { served: { state: 'not-loaded', sinceMs: far } }));
    volumes.set('csi-bad', reportOf('csi-bad', { error: 'rate limit exceeded', issuer: 'broken' }));
    fleet.startAgent(volumes);
    await allShown(fleet, 3);
    const kinds = async (): Promise<readonly string[]> => {
      const { status, body } = await fleet.ask<Summary>('summary');
      assert.equal(status, 200);
      return body.attention.map(({ kind }) => kind).sort();
    };
    const expected = 'expires-soon failing failing not-loaded';
    await eventually('all problems', async () => (await kinds()).join(' ') === expected);
    const { status, body: verdict } = await fleet.ask<Summary['verdict']>('verdict');
    assert.deepEqual([status, verdict.level, verdict.reasons.length], [200, 'critical', 4]);
    const times = verdict.reasons.flatMap(({ since }) => since ?? []);
    assert.ok(
      times.every((time) => /^\d{4}-/.test(time) && Number.isFinite(Date.parse(time))),
      times.join(),
    );
    assert.equal((await fleet.ask<VolumePage>('volumes?limit=10')).status, 200);
  });

  test('a summary lists problems, and each volume, node and lane shows the same facts', async () => {
    await using fleet = await OperatedFleet.start();
    await fleet.startController();
    const volumes = new MemoryVolumes();
    volumes.set('csi-ok', reportOf('csi-ok'));
    volumes.set('csi-bad', reportOf('csi-bad', { error: 'rate limit exceeded', issuer: 'broken' }));
    volumes.set('csi-old', reportOf('csi-old', { dueInMs: -7_200_000, expiresInMs: -500 }));
    fleet.startAgent(volumes);
    await allShown(fleet, 3);
    await eventually('the attention', async () => {
      const { body } = await fleet.ask<Summary>('summary');
      return body.attention.length === 3;
    });
    const { body: summary } = await fleet.ask<Summary>('summary');
    assert.equal(summary.volumes, 3);
    assert.equal(summary.byState.failing, 1);
    assert.equal(summary.byState.expired, 1);
    const [soon, expired, failing] = summary.attention;
    assert.equal(soon?.text, '1 volume expires within 1 h, and is failing or overdue');
    assert.deepEqual([expired?.severity, expired?.text], ['critical', '1 volume has expired']);
    assert.match(
      failing?.text ?? '',
      /^1 volume of issuer ClusterIssuer\.cert-manager\.io\/\/broken has been failing since \d\d:\d\d UTC: rate limit exceeded$/,
    );
    const linked = (failing?.link ?? '').replace(/^\/volumes\?/, '');
    assert.deepEqual(idsOf((await fleet.ask<VolumePage>(`volumes?${linked}`)).body), ['csi-bad']);

    const { body: timeline } = await fleet.ask<Timeline>('timeline');
    assert.deepEqual([timeline.due.hours.length, timeline.due.days.length, timeline.done.hours.length], [48, 30, 48]);
    assert.equal(timeline.due.days.reduce((sum, { count }) => sum + count, 0) >= 2, true);
    assert.equal(timeline.expiry.find(({ label }) => label === 'expired')?.count, 1);

    const { body: node } = await fleet.ask<NodeDetail>('nodes/node-a');
    assert.deepEqual([node.volumes, node.isSilent, node.byState.failing], [3, false, 1]);
    const { body: lanes } = await fleet.ask<LanePage>('lanes?search=BROKEN');
    assert.deepEqual([lanes.total, lanes.lanes[0]?.byState.failing], [1, 1]);
    assert.equal((await fleet.ask('nodes/nowhere')).status, 404);
  });

  test('a paused lane shows waiting renewals with the reason, and operators’ actions are recorded and shown', async () => {
    await using fleet = await OperatedFleet.start();
    await fleet.startController();
    const volumes = new RenewingVolumes();
    for (const id of ['csi-1', 'csi-2', 'csi-3']) volumes.set(id, reportOf(id));
    fleet.startAgent(volumes);
    await allShown(fleet, 3);
    const [lane] = (await fleet.ask<LanePage>('lanes')).body.lanes;
    assert.ok(lane !== undefined);
    await fleet.ask(`lanes/${lane.id}/pause`, { json: { reason: 'maintenance' } });
    const chosen = [{ node: 'node-a', volumeId: 'csi-2' }];
    const dry = await fleet.ask<RenewalPreview>('renewals', {
      json: { selection: { query: { search: 'csi', state: 'healthy' } }, reason: 'count', dryRun: true },
    });
    assert.deepEqual([dry.body.count, dry.body.byNode], [3, [{ value: 'node-a', count: 3 }]]);
    const renewal = await fleet.ask<Renewal>('renewals', {
      json: { selection: { volumes: chosen }, reason: 'leaked' },
    });
    assert.deepEqual([renewal.status, renewal.body.total, renewal.body.selection], [202, 1, 'volumes=node-a/csi-2']);
    await eventually('the hold to be shown', async () => {
      const [row] = (await fleet.ask<VolumePage>('volumes?volumeId=csi-2')).body.volumes;
      return row?.state === 'due' && row.waiting?.reason === 'paused';
    });
    await fleet.ask(`lanes/${lane.id}/resume`, { method: 'POST' });
    await eventually('the renewal', () => volumes.renewals.length === 1);
    await eventually('the volume to be healthy again', async () => {
      const [row] = (await fleet.ask<VolumePage>('volumes?volumeId=csi-2')).body.volumes;
      return row?.state === 'healthy' && row.generation === 2;
    });
    const { body: audit } = await fleet.ask<Audit>('audit');
    assert.deepEqual(
      audit.entries.map(({ who, action, target, reason }) => [who, action, target, reason]),
      [
        ['local', 'resume', `lane ${lane.key}`, undefined],
        ['local', 'renew', 'volumes=node-a/csi-2', 'leaked'],
        ['local', 'pause', `lane ${lane.key}`, 'maintenance'],
      ],
    );
    const first = (await fleet.ask<Audit>('audit?limit=2')).body;
    const rest = (await fleet.ask<Audit>(`audit?limit=2&after=${first.next ?? ''}`)).body;
    assert.deepEqual([...first.entries, ...rest.entries], audit.entries);
    assert.equal(fleet.log.filter((line) => line.includes('"msg":"audit"')).length, 3);
    let out = '';
    const argv = ['audit', `--server=${fleet.origin}`];
    const print = (text: string): void => void (out += text);
    assert.equal(await runCli({ argv, env: {}, clock: systemClock, print, printError: print }), 0);
    assert.match(out, /^AT +WHO +ACTION +TARGET +REASON/);
    assert.match(out, /local +renew +volumes=node-a\/csi-2 +leaked/);
  });

  test('open pages are notified of changes, resume after an interruption, and are told when they may have missed some', async () => {
    await using fleet = await OperatedFleet.start();
    const controller = await fleet.startController();
    const volumes = new MemoryVolumes();
    volumes.set('csi-1', reportOf('csi-1'));
    fleet.startAgent(volumes);
    await allShown(fleet, 1);
    const reader = await EventReader.open(`${fleet.origin}/api/v1/events`);
    volumes.set('csi-2', reportOf('csi-2'));
    const change = await reader.next((event) => event.data.includes('csi-2'));
    assert.equal(change.type, 'change');
    reader.close();

    volumes.set('csi-3', reportOf('csi-3'));
    await allShown(fleet, 3);
    const again = await EventReader.open(`${fleet.origin}/api/v1/events`, change.id);
    // Events from before the interruption are not repeated.
    const missed = JSON.parse((await again.next((event) => event.data.includes('csi-3'))).data) as ChangeEvent;
    assert.ok(missed.kinds.includes('volumes'));
    assert.deepEqual(missed.volumes, [['node-a', 'csi-3']]);
    await fleet.redis.kill();
    await fleet.redis.start();
    assert.equal((await again.next((event) => event.type === 'reset')).type, 'reset');
    const stale = await EventReader.open(`${fleet.origin}/api/v1/events`, change.id);
    assert.equal((await stale.next(() => true)).type, 'reset');
    stale.close();
    // An open stream does not delay a stop.
    await controller.stop();
    await again.ended;
  });

  test('rejects requests of other sites and of names that were made to resolve here', async () => {
    await using fleet = await OperatedFleet.start();
    await fleet.startController();
    const json = { selection: {}, reason: 'x', everything: true, dryRun: true };
    const from = async (headers: Record<string, string>): Promise<number> =>
      (await fleet.ask('renewals', { json, headers })).status;
    assert.equal(await from({}), 200);
    assert.equal(await from({ origin: fleet.origin, 'sec-fetch-site': 'same-origin' }), 200);
    assert.equal(await from({ origin: 'https://evil.example' }), 403);
    assert.equal(await from({ 'sec-fetch-site': 'cross-site' }), 403);
  });
});
