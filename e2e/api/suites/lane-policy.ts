// Pauses and limits of lanes as Kubernetes objects: a whole controller, a real API server with the chart's objects, and a
// real Redis that loses everything.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';

import type { LanePage } from '@certfleet/operator-api/lanes.ts';
import { Redis } from 'ioredis';
import { parse } from 'yaml';

import { MemoryVolumes } from '../../../apps/node-agent/src/fleet/testing/memory-volumes.ts';
import { systemClock } from '../../../libs/shared/src/clock.ts';
import { KubeClient } from '../../../libs/shared/src/kube/api-client.ts';
import { events } from '../../../libs/shared/src/kube/api-resource.ts';
import type { ApiResource } from '../../../libs/shared/src/kube/api-resource.ts';
import { kubeconfigCredentials } from '../../../libs/shared/src/kube/kubeconfig-credentials.ts';
import type { Controller } from '../../../apps/renewal-controller/src/controller.ts';
import { render } from '../../chart/render-chart.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { ControllerFixture } from '../../fleet/support/controller-fixture.ts';
import { eventually } from '../../fleet/support/eventually.ts';
import { reportOf } from '../../fleet/support/volume-report.ts';
import { kubeconfigWithToken } from '../issuer-fixture.ts';
import type { SharedOutage } from '../shared-outage.ts';

let cluster: Cluster;
/** An administrator's client. */
let admin: KubeClient;
let fleet: ControllerFixture;
let flags: readonly string[];
let redis: Redis;

interface PolicyEvent {
  readonly reason: string;
  readonly involvedObject: { readonly uid: string };
}

interface Policy {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly paused?: boolean; readonly pausedBy?: string; readonly pauseReason?: string };
  readonly status?: {
    readonly lanes?: number;
    readonly waiting?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

const list = async <Item>(resource: ApiResource): Promise<readonly Item[]> =>
  ((await admin.request({ verb: 'list', resource })) as { items: readonly Item[] }).items;

const policies = (): Promise<readonly Policy[]> =>
  list({ group: 'certfleet.io', version: 'v1alpha1', plural: 'lanepolicies' });

/** Undefined also while the controller cannot answer. */
const lane = async (): Promise<LanePage['lanes'][number] | undefined> =>
  (await fleet.api<Partial<LanePage>>('lanes')).lanes?.find(({ issuer }) => issuer.name === 'ca');

/** The controller with the rights of the chart's ServiceAccount. */
const startController = (): Promise<Controller> => fleet.startController(flags);

/** A controller that starts in the outage; it runs until the end of the other tests of lanes. */
export function lanePolicyOutage(context: () => Cluster, outage: SharedOutage): void {
  describe('LanePolicies in Kubernetes, without the API server', { concurrency: false }, () => {
    before(async () => {
      cluster = context();
      const credentials = kubeconfigCredentials(await cluster.localKubeconfig(), systemClock);
      admin = new KubeClient({ credentials, clock: systemClock });
      const chart = await render();
      const isOfController = ({ metadata }: (typeof chart)[number]): boolean =>
        metadata.name.startsWith('certfleet-controller');
      const kinds = /^(ClusterRole|ClusterRoleBinding|Role|RoleBinding|ServiceAccount)$/;
      const crds = chart.filter(({ kind }) => kind === 'CustomResourceDefinition');
      await cluster.apply([...crds, ...chart.filter((object) => kinds.test(object.kind) && isOfController(object))]);
      const names = crds.map(({ metadata }) => `crd/${metadata.name}`);
      await cluster.kubectl(['wait', '--for=condition=Established', '--timeout=60s', ...names]);
      const token = await cluster.kubectl(['create', 'token', 'certfleet-controller', '--namespace', 'cert-manager']);
      const kubeconfig = await kubeconfigWithToken(cluster, token.stdout.trim());
      flags = ['--api-auth=none', '--heartbeat-interval=1s', `--kubeconfig=${kubeconfig}`, '--intent-directory='];
      fleet = await ControllerFixture.start();
      redis = new Redis(fleet.redis.url);
    });

    test('starts no renewal while the policies are unknown, and says so; then a pause that it never saw holds', (t) =>
      outage.run(t, {
        async before() {
          const spec = { issuers: ['*'], paused: true, pauseReason: 'before the start' };
          const object = { apiVersion: 'certfleet.io/v1alpha1', kind: 'LanePolicy', metadata: { name: 'all' }, spec };
          await cluster.apply(object);
        },
        async during() {
          await startController();
          const volumes = new MemoryVolumes();
          volumes.set('v1', reportOf('v1', { issuer: 'ca', dueInMs: -1_000 }));
          fleet.startAgent(volumes);
          await eventually('the volume', async () => (await lane())?.volumes === 1);
          await eventually('the reason', async () => (await fleet.ops('readyz')).text.includes('LanePolicy'));
          assert.equal((await lane())?.inFlight, 0);
          await eventually('the log line', () =>
            fleet.log.some((line) => line.includes('cannot follow objects, retrying') && line.includes('LanePolicy')),
          );
        },
        async after() {
          await eventually('the pause', async () => (await lane())?.blocked === 1);
          assert.equal((await lane())?.paused?.reason, 'before the start');
          await cluster.kubectl(['delete', 'lanepolicy', 'all']);
          await eventually(
            'the renewal',
            async () => (await lane())?.blocked === 0 && (await lane())?.paused === undefined,
          );
        },
      }));
  });
}

/** Pauses and limits of lanes, with the controller of the outage. */
export function lanePolicySuite(): void {
  describe('LanePolicies in Kubernetes', { concurrency: false }, () => {
    after(async () => {
      admin.stop();
      redis.disconnect();
      await fleet[Symbol.asyncDispose]();
    });

    test('a pause of the API is one object that outlasts Redis and every replica', async () => {
      const { id = '' } = (await lane()) ?? {};
      const pause = { method: 'POST', body: { reason: 'the CA moves' } };
      await fleet.api(`lanes/${id}/pause`, pause);
      const [policy, ...others] = await policies();
      assert.ok(policy);
      assert.deepEqual(others, []);
      assert.match(policy.metadata.name, /^lane-ca-[0-9a-f]{20}$/);
      const { paused, pausedBy, pauseReason } = policy.spec;
      assert.deepEqual([paused, pausedBy, pauseReason], [true, 'local', 'the CA moves']);
      await fleet.controllers.at(-1)?.stop();
      await redis.flushall();
      await startController();
      await eventually('the pause', async () => (await lane())?.paused?.by === 'local');
      const { stdout } = await cluster.kubectl(['get', 'lanepolicies']);
      assert.match(stdout, /NAME +LANES +RATE +IN FLIGHT +WAITING +PAUSED +READY +AGE/);
      await eventually('the status', async () => (await policies())[0]?.status?.lanes === 1);
      const reasons = async (): Promise<readonly string[]> =>
        (await list<PolicyEvent>(events))
          .filter(({ involvedObject }) => involvedObject.uid === policy.metadata.uid)
          .map(({ reason }) => reason);
      await eventually('the events', async () => (await reasons()).includes('PauseRequested'));
      await fleet.api(`lanes/${id}/resume`, { method: 'POST' });
      assert.equal((await policies())[0]?.spec.paused, false);
      assert.equal((await lane())?.paused, undefined);
      await eventually('the events', async () => (await reasons()).includes('ResumeRequested'));
    });

    test('a resume that a policy of others forbids is refused with its name', async () => {
      const { id = '' } = (await lane()) ?? {};
      const spec = { issuers: ['ClusterIssuer.cert-manager.io//c*'], paused: true, pauseReason: 'frozen by GitOps' };
      await cluster.apply({
        apiVersion: 'certfleet.io/v1alpha1',
        kind: 'LanePolicy',
        metadata: { name: 'freeze' },
        spec,
      });
      await eventually('the pause', async () => (await lane())?.paused?.reason === 'frozen by GitOps');
      const answer = await fleet.api<{ status: number; error?: unknown }>(`lanes/${id}/resume`, { method: 'POST' });
      assert.ok(answer.status >= 400 && answer.status < 500, JSON.stringify(answer));
      assert.match(JSON.stringify(answer), /freeze/);
      await cluster.kubectl(['delete', 'lanepolicy', 'freeze']);
      await eventually('the end', async () => (await lane())?.paused === undefined);
    });

    test('the health checks of examples/argo-cd show conditions as Argo CD does', async () => {
      const text = readFileSync(resolve(import.meta.dirname, '../../../examples/argo-cd/argocd-cm.yaml'), 'utf8');
      const { data } = parse(text) as { data: Record<string, string> };
      const health = async (kind: string, object: object): Promise<string> => {
        // Redis has the language of Argo CD's checks.
        const body = `local obj = cjson.decode(ARGV[1])\nlocal function check()\n${data[`resource.customizations.health.certfleet.io_${kind}`] ?? ''}\nend\nlocal hs = check()\nreturn hs.status .. ': ' .. (hs.message or '')`;
        return String(await redis.eval(body, 0, JSON.stringify(object)));
      };
      const condition = (type: string, status: string, message: string): object => ({
        type,
        status,
        reason: 'R',
        message,
      });
      const policy = (...conditions: object[]): object => ({
        metadata: { generation: 2 },
        status: { observedGeneration: 2, conditions },
      });
      const ready = condition('Ready', 'True', 'applies');
      assert.match(await health('LanePolicy', { metadata: { generation: 1 } }), /^Progressing/);
      assert.match(await health('LanePolicy', policy(ready, condition('Paused', 'False', ''))), /^Healthy/);
      assert.equal(
        await health('LanePolicy', policy(ready, condition('Paused', 'True', 'CA moves'))),
        'Suspended: CA moves',
      );
      assert.equal(await health('LanePolicy', policy(condition('Ready', 'False', 'bad cron'))), 'Degraded: bad cron');
      const outdated = { ...policy(ready), metadata: { generation: 3 } };
      assert.match(await health('LanePolicy', outdated), /^Progressing/);
      // And of the real object.
      const [real] = await policies();
      await eventually('the health', async () =>
        (await health('LanePolicy', (await policies())[0] ?? {})).startsWith('Healthy'),
      );
      assert.ok(real);
      const renewal = (state: string, suspend = false): object => ({
        spec: { suspend },
        metadata: { generation: 1 },
        status: { observedGeneration: 1, state, progress: '4/10' },
      });
      assert.match(await health('Renewal', { metadata: { generation: 1 }, spec: {} }), /^Progressing/);
      assert.equal(await health('Renewal', renewal('Running')), 'Progressing: 4/10');
      assert.equal(await health('Renewal', renewal('Suspended', true)), 'Suspended: 4/10');
      assert.equal(await health('Renewal', renewal('Completed')), 'Healthy: 4/10');
      assert.equal(await health('Renewal', renewal('Failed')), 'Degraded: 4/10');
      const rotation = (waitingFor: string, ...conditions: object[]): object => ({
        metadata: { generation: 1 },
        status: {
          observedGeneration: 1,
          waitingFor,
          conditions: [condition('Complete', 'False', 'text'), ...conditions],
        },
      });
      assert.match(await health('CARotation', { metadata: { generation: 1 } }), /^Progressing/);
      assert.equal(await health('CARotation', rotation('TrustNotVerified')), 'Progressing: text');
      assert.equal(await health('CARotation', rotation('AwaitingApproval')), 'Suspended: text');
      const stalled = condition('Stalled', 'True', 'one pod');
      assert.equal(await health('CARotation', rotation('NotLoaded', stalled)), 'Degraded: one pod');
      const complete = { status: { observedGeneration: 1, conditions: [condition('Complete', 'True', 'done')] } };
      assert.equal(await health('CARotation', { metadata: { generation: 1 }, ...complete }), 'Healthy: done');
    });
  });
}
