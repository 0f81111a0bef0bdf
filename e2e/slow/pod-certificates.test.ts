// What pod certificates do over many minutes, on a real node with the chart's signer: the kubelet refreshes them when
// beginRefreshAt has come, and a CA that is away for longer than Kubernetes keeps a request costs nothing. Nothing here is
// faster than in production, so it takes about 20 minutes, nearly all of them waiting: `npm run test:slow`.
import assert from 'node:assert/strict';
import { after, before, describe, test, type TestContext } from 'node:test';

import { waitUntil } from '../cluster/wait.ts';
import { listPods, type PodObject } from '../node/support/pods.ts';
import { followLog } from '../node/support/follow.ts';
import { releaseNamespace } from '../node/support/release.ts';
import { kubernetesVersion } from '../tools/modules.ts';
import type { SeenRequest } from './support/request-history.ts';
import { namespace, serialPod, serialsOf, type SeenSerial } from './support/serial-pod.ts';
import { caSecretObject, signers, SlowNode } from './support/slow-node.ts';

const skip = kubernetesVersion.startsWith('v1.35.')
  ? 'Kubernetes 1.35 has pod certificates only with a gate'
  : (process.env['CERTFLEET_E2E_KUBECONFIG'] ?? '') !== '' &&
    'needs a local node, not that of CERTFLEET_E2E_KUBECONFIG';

const minuteMs = 60_000;
/** Far longer than each step takes. */
const limitMs = 30 * minuteMs;
/** Between commands that look at the cluster. */
const pollMs = 10_000;

let node: SlowNode;

const until = (what: string, isSo: () => boolean | Promise<boolean>, intervalMs = pollMs): Promise<void> =>
  waitUntil(what, async () => isSo(), { timeoutMs: limitMs, intervalMs });

const secondsBetween = (from: Date | undefined, to: Date | undefined): number =>
  from === undefined || to === undefined ? NaN : Math.round((to.getTime() - from.getTime()) / 1000);

async function podsByName(): Promise<ReadonlyMap<string, PodObject>> {
  const pods = await listPods(node.context.cluster, namespace);
  return new Map(pods.map((pod) => [pod.metadata.name, pod]));
}

/** Waits until the pods see their second certificate, and reports how long each step of the refresh took. */
async function refreshed(t: TestContext, pods: readonly string[]): Promise<void> {
  const seen = new Map<string, readonly SeenSerial[]>();
  await until(`a second certificate in the files of ${pods.join(', ')}`, async () => {
    for (const pod of pods) seen.set(pod, await serialsOf(node.context.cluster, pod));
    return [...seen.values()].every((serials) => serials.length >= 2);
  });
  for (const pod of pods) {
    const [first, second] = node.history.of(pod);
    const due = node.history.firstOf(pod).beginRefreshAt;
    assert.deepEqual(
      seen.get(pod)?.map(({ serial, matches }) => ({ serial, matches })),
      [first, second].map((request) => ({ serial: request?.issued?.serial, matches: true })),
    );
    const steps = {
      requested: second?.createdAt,
      issued: second?.issued?.seenAt,
      'in the file': seen.get(pod)?.[1]?.at,
    };
    const texts = Object.entries(steps).map(([step, at]) => `${step} ${secondsBetween(due, at)} s`);
    t.diagnostic(`${pod}: after beginRefreshAt ${texts.join(', ')}`);
    assert.ok((second?.createdAt ?? due) >= due, `${pod} was refreshed before its time`);
  }
}

/** The alerts that fire, as `name signer`. */
async function firing(): Promise<readonly string[]> {
  const active = (await node.prometheus.alerts()).filter(({ state }) => state === 'firing');
  return active.map(({ labels }) => `${labels['alertname'] ?? ''} ${labels['signer'] ?? ''}`);
}

async function gauge(name: string): Promise<number> {
  const [sample] = await node.prometheus.query(`${name}{signer="away"}`);
  return Number(sample?.value[1]);
}

describe('pod certificates over many minutes, on a real node', { skip }, () => {
  let before20Minutes: ReadonlyMap<string, PodObject>;
  before(async () => {
    node = await SlowNode.open();
    before20Minutes = await podsByName();
  });
  after(async () => {
    await node.stop();
  });

  describe('at the same time', { concurrency: true }, () => {
    test('the kubelet refreshes certificates at beginRefreshAt, and keeps the others', async (t) => {
      const early = node.early('steady');
      assert.ok(early.length >= 2, `${early.length} certificates are refreshed at the earliest time`);
      await refreshed(t, early);
      for (const pod of node.running('steady')) {
        const requests = node.history.of(pod);
        const isDue = node.history.firstOf(pod).beginRefreshAt.getTime() <= Date.now();
        assert.ok(requests.length <= (isDue ? 2 : 1), `${pod} made ${requests.length} requests`);
        assert.deepEqual(new Set(requests.map(({ answer }) => answer)), new Set(['Issued']));
      }
      assert.deepEqual(
        (await firing()).filter((alert) => alert.includes('steady')),
        [],
      );
    });

    test('a CA that is away for a quarter of an hour costs nothing', async (t) => {
      const { cluster } = node.context;
      const { history } = node;
      const start = async (name: string): Promise<SeenRequest> => {
        await cluster.apply(serialPod(name, 'example.com/away'));
        await until(`a request of ${name}`, () => history.of(name).length > 0, 100);
        const [request] = history.of(name);
        assert.ok(request);
        return request;
      };
      await cluster.kubectl(['delete', 'secret', 'away-ca', '--namespace', releaseNamespace]);
      // It uses a CA for a minute after it has read it.
      const signerLog = { name: node.signerPod, namespace: releaseNamespace };
      const isNoticed = (line: string): boolean => line.includes('cannot maintain') && line.includes('away-ca');
      await followLog(cluster, signerLog, (lines) => lines.some(isNoticed), 5 * minuteMs);
      const awaySince = new Date();

      await start('early');
      // The controller manager looks for requests that are older than 15 minutes when it starts, and then every five minutes.
      // So it deletes this one after a quarter of an hour, and those of later pods five minutes later.
      await cluster.controllerManager.restart();
      // Somebody deletes the request of this pod: the kubelet makes another one after ten minutes.
      const lost = await start('lost');
      await cluster.kubectl(['delete', 'podcertificaterequest', lost.name, '--namespace', namespace]);
      await start('late');

      const alerts = ['CertfleetSignerNotReady away', 'CertfleetPodCertificateWaiting away'];
      await until('the alerts', async () => {
        const now = await firing();
        return alerts.every((alert) => now.includes(alert));
      });
      assert.equal(await gauge('certfleet_signer_ready'), 0);
      assert.ok((await gauge('certfleet_signer_oldest_start_seconds')) > 600);
      t.diagnostic(`alerts fire ${secondsBetween(awaySince, new Date())} s after the CA was found missing`);

      const due = node.early('away');
      const pendingRefreshes = (): readonly SeenRequest[] =>
        due.flatMap((pod) => history.of(pod).slice(1)).filter(({ answer }) => answer === undefined);
      await until(
        'the controller manager to delete the first request, and the kubelet to make another one',
        () => {
          const [first, second] = history.of('early');
          return first?.deletedAt !== undefined && second !== undefined;
        },
        100,
      );
      await until('a refresh to be due', () => pendingRefreshes().length > 0);
      const waiting = history.all.filter(({ answer, deletedAt }) => answer === undefined && deletedAt === undefined);
      await until('the pending requests in the metrics', async () => {
        return (await gauge('certfleet_signer_requests_pending')) >= waiting.length;
      });
      for (const pod of node.running('away')) {
        assert.ok(history.firstOf(pod).notAfter.getTime() > Date.now(), `the certificate of ${pod} has expired`);
        assert.equal((await serialsOf(cluster, pod)).length, 1);
      }

      await cluster.apply(caSecretObject('away', node.awayCa));
      const back = new Date();
      t.diagnostic(`the CA was away for ${secondsBetween(awaySince, back)} s`);
      t.diagnostic(`pending then: ${waiting.map(({ pod }) => pod).join(', ')}`);
      const starting = ['early', 'lost', 'late'];
      await until('the pods to start', async () => {
        const pods = await podsByName();
        return starting.every((name) => pods.get(name)?.status.containerStatuses?.[0]?.ready === true);
      });
      for (const pod of starting) {
        const requests = history.of(pod);
        const answered = requests.at(-1)?.issued?.seenAt;
        t.diagnostic(
          `${pod}: ${requests.length} requests, issued ${secondsBetween(back, answered)} s after the return`,
        );
        assert.deepEqual(
          requests.map(({ answer }) => answer),
          [...requests.slice(1).map(() => undefined), 'Issued'],
        );
      }
      // The second request of the pod that waits longest has its place, before the older request of the last pod.
      const [answeredFirst, answeredLater] = ['early', 'late'].map((pod) => history.of(pod).at(-1));
      assert.ok(answeredFirst !== undefined && answeredLater !== undefined);
      assert.ok(answeredFirst.createdAt > answeredLater.createdAt);
      assert.ok(answeredFirst.version < answeredLater.version, 'the last pod has its certificate before the first');
      await refreshed(t, due);
      for (const alert of alerts) await until(`${alert} to end`, async () => !(await firing()).includes(alert));
    });
  });

  test('no request is denied or failed, and no container restarts', async (t) => {
    const answers = node.history.all.map(({ answer }) => answer);
    const count = (answer: SeenRequest['answer']): number => answers.filter((each) => each === answer).length;
    t.diagnostic(
      `${answers.length} requests: ${count('Issued')} issued, ${count(undefined)} deleted without an answer`,
    );
    assert.equal(count('Denied') + count('Failed'), 0);
    const last = await podsByName();
    for (const pod of signers.flatMap((signer) => node.running(signer))) {
      assert.equal(last.get(pod)?.metadata.uid, before20Minutes.get(pod)?.metadata.uid);
      assert.equal(last.get(pod)?.status.containerStatuses?.[0]?.restartCount, 0);
    }
  });
});
