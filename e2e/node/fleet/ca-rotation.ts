import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { TestContext } from 'node:test';

import type { Rotation } from '../../../libs/operator-api/src/rotations.ts';
import { createCa, createCaIssuer } from '../../cluster/issuers.ts';
import { waitUntil } from '../../cluster/wait.ts';
import { certificatePod, defaultNamespace } from '../support/certificate-pod.ts';
import { freezeVolume } from '../support/frozen-volume.ts';
import { execInPod } from '../support/pod-files.ts';
import { applyPodsAndWaitReady, deletePods, listPods } from '../support/pods.ts';
import type { PodObject } from '../support/pods.ts';
import { crowdIssuer, type GetFleet } from './fleet-context.ts';
import type { FleetScale, RotationPhase } from './fleet-scale.ts';
import { expectEachOnce, untilApi, untilIndexIsWhole } from './fleet-state.ts';
import { beginLosses, loseEachPart } from './lose-parts.ts';
import type { Loss } from './lose-parts.ts';
import { fingerprintsIn, MutualTls } from './mutual-tls.ts';
import { podOf, type LoggedRequest } from './request-log.ts';
import { caFileOf, deployment, deployments, markerOf, signalsOf, stubborn, stubbornServer } from './rotated-pods.ts';
import { RotationProbe, rootsOf } from './rotation-probe.ts';

const name = 'crowd-2027';
/** A pod whose files the agent cannot change in the middle of the phases Trust and Retire. */
const frozen = 'crowd-7';
/** The share of certificates of the new CA when the phase Reissue is interrupted. The others take seconds. */
const someReissued = 1 / 7;

const describeLoss = ({ replicas: count, ms }: Loss): string =>
  `${count} replicas, Redis with its data and the API server were lost; all were back after ${ms} ms`;

/** Replaces an issuer's CA by a CARotation, while all pods connect to each other and each part is lost in some phases. */
export function caRotationSuite(context: GetFleet, scale: FleetScale): void {
  const count = scale.crowd + deployments.length * scale.replicas;
  describe(`a CARotation of ${count} pods of several workloads that verify each other`, () => {
    const mutualTls = new MutualTls({ maxReloadMs: 1_000, betweenMs: scale.betweenHandshakesMs });
    const rotation = new RotationProbe(context, name);
    let [oldRoot, newRoot, both] = ['', '', ''];
    /** All of them. */
    let pods: readonly PodObject[] = [];
    let signalled: readonly PodObject[] = [];
    let server: PodObject;
    let frozenPod: PodObject;
    let markerBefore: readonly string[] = [];
    let markerInTrust: readonly string[] = [];
    let switchIssuer: () => Promise<unknown>;
    let unfreeze: () => Promise<void> = () => Promise.resolve();
    let endLosses: () => Promise<void>;

    const names = (): readonly string[] => pods.map(({ metadata }) => metadata.name);
    const isLossIn = (phase: RotationPhase): boolean => scale.lossesIn.includes(phase);
    /** The title of a phase's test. */
    const titled = (phase: RotationPhase, behaviour: string): string =>
      `${phase}: ${behaviour}${isLossIn(phase) ? ', also if every part is lost' : ''}`;
    /** Waits in the middle of a phase, which this pod alone prevents from ending, and may lose each part there. */
    const holdIn = async (t: TestContext, phase: RotationPhase, pod: string): Promise<void> => {
      await rotation.until(phase, undefined, { blocking: pod });
      if (!isLossIn(phase)) return;
      const loss = await loseEachPart(context());
      await rotation.until(phase, undefined, { blocking: pod });
      t.diagnostic(`${phase}: ${describeLoss(loss)}`);
    };
    const freeze = async (): Promise<void> => {
      unfreeze = await freezeVolume(context().cluster, frozenPod);
    };
    const release = async (): Promise<void> => {
      await unfreeze();
      await rotation.touch();
    };
    const roots = (): readonly string[] => rootsOf(context().cluster, pods);
    const withNewCa = (): number =>
      names().filter((pod) => context().reader.seenBy(pod).at(-1)?.authority === newRoot).length;
    const untilSignalled = (times: number): Promise<void> =>
      untilApi(
        `each pod that asks for signals to have got ${times}`,
        async () => {
          const counts = await Promise.all(signalled.map((pod) => signalsOf(context().cluster, pod)));
          return counts.every((each) => each === times);
        },
        150_000,
      );

    before(async () => {
      const { cluster, reader, crowd } = context();
      const attributes = { ...stubborn.attributes, duration: scale.serverLifetime };
      await applyPodsAndWaitReady(cluster, [
        certificatePod(stubborn.name, { data: attributes }, { script: stubbornServer.script }),
      ]);
      await cluster.apply(deployments.map((each) => deployment(each, scale.replicas)));
      for (const each of deployments)
        await cluster.kubectl(['rollout', 'status', `deployment/${each}`, '-n', defaultNamespace, '--timeout=180s']);
      const all = await listPods(cluster);
      const isOf = ({ metadata }: PodObject): boolean =>
        deployments.some((each) => metadata.name.startsWith(`${each}-`));
      signalled = all.filter(isOf);
      pods = all.filter((pod) => isOf(pod) || crowd.includes(pod.metadata.name));
      [server, frozenPod] = [podNamed(all, stubborn.name), podNamed(all, frozen)];
      assert.deepEqual([pods.length, signalled.length], [count, deployments.length * scale.replicas]);
      reader.add(server, ...signalled);
      await untilIndexIsWhole(context());
      markerBefore = await markerOf(cluster, server);
      const oldCa = caFileOf(cluster, server);
      const newCa = await createCa(name);
      switchIssuer = () => createCaIssuer(cluster, { name: crowdIssuer }, newCa);
      [oldRoot = '', newRoot = ''] = [...fingerprintsIn(oldCa), ...fingerprintsIn(newCa.certificate)];
      both = [oldRoot, newRoot].sort().join();
      endLosses = beginLosses(context());
      await freeze();
      mutualTls.start(cluster, pods);
      await rotation.start({ from: oldCa, to: newCa.certificate, reason: 'the CA expires' });
    });
    after(async () => {
      await unfreeze();
      await mutualTls.stop();
    });

    test(titled('Trust', 'the issuer is awaited when all pods trust both CAs'), async (t) => {
      await holdIn(t, 'Trust', frozen);
      assert.deepEqual(roots(), [oldRoot, both].sort());
      assert.equal(withNewCa(), 0);
      // The test of the issuer, afterwards, renews the most urgent certificate, which is this one.
      const isMarked = async (): Promise<boolean> => (await markerOf(context().cluster, server))[1] !== markerBefore[1];
      await untilApi('the marker to change', isMarked);
      markerInTrust = await markerOf(context().cluster, server);
      await release();
      await rotation.until('Reissue', 'IssuerNotSwitched');
      assert.deepEqual(roots(), [both]);
    });

    test('Trust: pods that ask for it are told that the CA file alone has changed, by a signal or the marker file', async () => {
      const { cluster } = context();
      await untilSignalled(1);
      const caFile = createHash('sha256').update(caFileOf(cluster, server));
      assert.deepEqual(markerInTrust, [markerBefore[0], caFile.digest('hex')]);
      assert.notDeepEqual(markerInTrust, markerBefore);
    });

    const untilReissued = (wanted: number): Promise<void> =>
      waitUntil(`${wanted} certificates`, () => Promise.resolve(withNewCa() >= wanted), { timeoutMs: 180_000 });

    /** Loses each part after the first certificates of the new CA, while requests are open. */
    const loseEachPartWithRequests = async (t: TestContext, sinceMs: number): Promise<void> => {
      const { cluster, requests } = context();
      const isOpen = ({ issuer, signedAtMs, createdAtMs }: LoggedRequest): boolean =>
        issuer === crowdIssuer && signedAtMs === undefined && createdAtMs >= sinceMs;
      await untilReissued(Math.ceil(count * someReissued));
      cluster.certManager.signal('SIGSTOP');
      const thaw = (): void => {
        cluster.certManager.signal('SIGCONT');
      };
      try {
        const isAnyOpen = async (): Promise<boolean> => (await requests.read()).some(isOpen);
        await waitUntil('open requests', isAnyOpen, { timeoutMs: 30_000, intervalMs: 100 });
        assert.equal((await rotation.status()).phase, 'Reissue');
        const renewed = withNewCa();
        assert.ok(renewed < pods.length, `${renewed} are replaced already`);
        const open = (await requests.read()).filter(isOpen).length;
        t.diagnostic(`Reissue: after ${renewed} certificates and with ${open} open requests,`);
        t.diagnostic(describeLoss(await loseEachPart(context(), thaw)));
      } finally {
        thaw();
      }
    };

    test(titled('Reissue', 'all certificates are replaced'), async (t) => {
      const sinceMs = Date.now();
      await switchIssuer();
      await rotation.testAgain();
      if (isLossIn('Reissue')) await loseEachPartWithRequests(t, sinceMs);
      await rotation.until('Verify');
      await untilReissued(pods.length);
    });

    test(
      titled('Verify', 'a server that does not reload is named in the object, the API and the command line'),
      async (t) => {
        await holdIn(t, 'Verify', stubborn.name);
        await rotation.until('Verify', 'NotLoaded', { blocking: stubborn.name });
        const { api, tokens } = context();
        await untilApi('the API to name the server', async () => {
          const { waitingFor, blocking } = await api.json<Rotation>(tokens.viewer, 'rotations', 'show', name);
          return waitingFor === 'NotLoaded' && blocking.volumes.map(({ pod }) => pod).join() === stubborn.name;
        });
        assert.match((await api.run(tokens.viewer, 'rotations', 'show', name)).output, /stubborn-server/);
        assert.deepEqual(roots(), [both]);
      },
    );

    test(
      titled('Retire', 'it begins when the server is restarted, and ends when the old CA has left all pods'),
      async (t) => {
        await freeze();
        await execInPod(context().cluster, stubborn, stubbornServer.restart);
        await holdIn(t, 'Retire', frozen);
        assert.deepEqual(roots(), [newRoot, both].sort());
        await release();
        await rotation.until('Completed');
        assert.deepEqual(roots(), [newRoot]);
        // For the phases Trust, Reissue and Retire.
        await untilSignalled(3);
      },
    );

    test('fails no handshake, and every pod trusted the old CA, then both, then the new one', async (t) => {
      // Each loads its files in its own turn.
      const haveLoaded = (): Promise<boolean> =>
        Promise.resolve(mutualTls.trusted.every((order) => order.at(-1) === newRoot));
      await waitUntil('every program to trust the new CA alone', haveLoaded, { timeoutMs: 30_000 });
      await mutualTls.stop();
      t.diagnostic(`${mutualTls.handshakes} handshakes, ${mutualTls.failures.length} failed`);
      assert.deepEqual(mutualTls.failures, []);
      assert.ok(mutualTls.handshakes > pods.length);
      assert.deepEqual(mutualTls.trusted, [[oldRoot, both, newRoot]]);
    });

    test('issues exactly one certificate of the new CA for each volume', async () => {
      const { cluster, requests, reader, crowd } = context();
      await endLosses();
      const all = [...names(), stubborn.name].sort();
      const isOfNewCa = ({ ca }: LoggedRequest): boolean =>
        ca !== undefined && fingerprintsIn(Buffer.from(ca, 'base64').toString()).has(newRoot);
      const made = (await requests.read()).filter(isOfNewCa).map((request) => podOf(request.name));
      assert.deepEqual(made.sort(), all);
      const seen = all.flatMap((pod) => reader.seenBy(pod).map(({ authority }) => [pod, authority]));
      assert.deepEqual(
        seen.filter(([, authority]) => authority === newRoot).map(([pod]) => pod),
        all,
      );
      await expectEachOnce(context(), all);
      assert.deepEqual(reader.problems, []);
      reader.remove(...all.filter((pod) => !crowd.includes(pod)));
      await cluster.kubectl(['delete', 'deployment', ...deployments, '-n', defaultNamespace, '--cascade=foreground']);
      await deletePods(cluster, [stubborn.name]);
      await rotation.remove();
    });
  });
}

function podNamed(pods: readonly PodObject[], wanted: string): PodObject {
  const found = pods.find(({ metadata }) => metadata.name === wanted);
  if (found === undefined) throw new Error(`there is no pod ${wanted}`);
  return found;
}
