// The chart's ValidatingAdmissionPolicies on a real API server, against the parser's answers to the same attributes.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import type { Attribute } from '../../../apps/node-agent/src/spec/attribute.ts';
import { attributes } from '../../../apps/node-agent/src/spec/attributes.ts';
import { parseVolumeSpec } from '../../../apps/node-agent/src/spec/parse-volume-spec.ts';
import {
  acceptedVectors,
  hostileValues,
  refusedVectors,
  withGroup,
} from '../../../apps/node-agent/src/spec/testing/attribute-vectors.ts';
import { render } from '../../chart/render-chart.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { waitUntil } from '../../cluster/wait.ts';
import { AdmissionClient } from '../admission-client.ts';

type Vector = Readonly<Record<string, string>>;

const issuer = { 'csi.cert-manager.io/issuer-name': 'ca' };
const podInfo = {
  'csi.storage.k8s.io/pod.name': 'web-0',
  'csi.storage.k8s.io/pod.namespace': 'default',
  'csi.storage.k8s.io/pod.uid': 'uid-1',
  'csi.storage.k8s.io/serviceAccount.name': 'web',
};

/** What the agent answers for these attributes; empty if it accepts them. */
function agentAnswer(volumeAttributes: Readonly<Record<string, string>>, strictAttributes = false): string {
  try {
    const options = { nodeName: 'n', defaultDurationMs: 1, volumeMountGroup: '', strictAttributes };
    parseVolumeSpec({ ...podInfo, ...volumeAttributes }, options);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * The vectors of hostile values in groups, each for the volumes of one pod: a request costs more than a volume. One pod has
 * few of them, because CEL limits its cost.
 */
function batchesOf(vectors: readonly Vector[]): readonly (readonly Vector[])[] {
  const isLong = (vector: Vector): boolean => JSON.stringify(vector).length > 1_000;
  const short = vectors.filter((vector) => !isLong(vector));
  const size = 8;
  const groups = Array.from({ length: Math.ceil(short.length / size) }, (_, index) =>
    short.slice(index * size, (index + 1) * size),
  );
  return [...groups, ...vectors.filter(isLong).map((vector) => [vector])];
}

let cluster: Cluster;
let client: AdmissionClient;

/** The API server compiles changed policies before it applies them, which needs seconds of CPU; each question delays it. */
const takesEffect = (what: string, isSo: () => Promise<boolean>): Promise<void> =>
  waitUntil(what, isSo, { timeoutMs: 120_000, intervalMs: 250 });

/** Installs the policies with these values, of the objects of some kinds only: `pods`, `workloads` or `cronjobs`. */
async function install(values: object, of = /^/): Promise<void> {
  const objects = await render({ 'admissionPolicies.enabled': true, 'controller.enabled': false, ...values });
  const isPolicy = ({ kind, metadata }: (typeof objects)[number]): boolean =>
    kind.startsWith('ValidatingAdmissionPolicy') && of.test(metadata.name);
  await cluster.apply(objects.filter(isPolicy));
}

/** The chart's policies. */
export function admissionPolicySuite(context: () => Cluster): void {
  describe('admission policies', { concurrency: false }, () => {
    before(async () => {
      cluster = context();
      client = new AdmissionClient(await cluster.localKubeconfig());
      await install({ 'admissionPolicies.validationActions': ['Deny'] });
      const isActive = async (kind: string): Promise<boolean> => {
        const { denied, warnings } = await client.create(kind, { 'csi.cert-manager.io/dns-name': 'x' });
        return denied !== '' && warnings.length > 0;
      };
      for (const kind of ['Pod', 'Deployment', 'CronJob'])
        await takesEffect(`the policies of ${kind}`, () => isActive(kind));
    });
    after(async () => {
      await client.stop();
      // Each restarted API server would compile them again.
      const kinds = 'validatingadmissionpolicybindings,validatingadmissionpolicies';
      await cluster.kubectl(['delete', kinds, '--selector=app.kubernetes.io/name=certfleet', '--wait=false']);
    });

    test('refuse no attributes that the agent accepts', async () => {
      for (const accepted of acceptedVectors) {
        const volumeAttributes = { ...issuer, ...withGroup(accepted) };
        assert.equal((await client.create('Pod', volumeAttributes)).denied, '', JSON.stringify(accepted));
      }
    });

    test("refuse wrong values with the agent's words", async (t) => {
      const missed: string[] = [];
      for (const refused of refusedVectors) {
        const volumeAttributes = { ...issuer, ...withGroup(refused.attributes) };
        const { denied } = await client.create('Pod', volumeAttributes);
        // CEL finds no nearest word.
        const [sentence] = refused.problem.split(', did you mean');
        if (denied === '') missed.push(refused.problem);
        else assert.equal(denied, `volume "tls": ${sentence}`);
      }
      t.diagnostic(`${refusedVectors.length - missed.length} of ${refusedVectors.length} are refused`);
      // CSV lines and distinguished names, which need more than a pattern, and the host of a URI.
      assert.ok(
        missed.every((problem) =>
          /CSV|comma separated values|RFC 4514|must not contain control|valid host/.test(problem),
        ),
      );
      assert.ok(missed.length <= 7, missed.join('\n'));
    });

    test('agree with the agent about hostile values', async (t) => {
      const names = Object.values<Attribute<unknown>>(attributes).flatMap(({ name, alias }) => [name, alias ?? name]);
      const vectors = [...new Set(names)].flatMap((name) => hostileValues.map((value) => withGroup({ [name]: value })));
      const keys = hostileValues.flatMap((key) => [
        { [key]: 'x' },
        { [`${key}/${key}`]: 'x' },
        withGroup({ [key]: 'x' }),
      ]);
      let refused = 0;
      let missed = 0;
      await client.forEach(batchesOf([...vectors, ...keys]), async (batch) => {
        const refusals = await client.refusals(batch.map((vector) => ({ ...issuer, ...vector })));
        for (const [index, vector] of batch.entries()) {
          const isDenied = refusals.has(index);
          const answer = agentAnswer({ ...issuer, ...vector });
          if (answer === '')
            assert.ok(!isDenied, `${refusals.get(index) ?? ''}: ${JSON.stringify(vector).slice(0, 200)}`);
          else refused += 1;
          if (answer !== '' && !isDenied) missed += 1;
        }
      });
      t.diagnostic(`${refused - missed} of ${refused} are refused`);
      assert.ok(missed < refused / 5, `${missed} of ${refused} are admitted`);
    });

    test('report all problems of all volumes, without passwords', async () => {
      const wrong = { 'csi.cert-manager.io/is-ca': 'yes', 'csi.cert-manager.io/pkcs12-password': 'hünter2' };
      const { denied } = await client.createPod([
        { name: 'one', csi: { driver: 'csi.cert-manager.io', readOnly: true, volumeAttributes: wrong } },
        { name: 'two', csi: { driver: 'csi.cert-manager.io', volumeAttributes: issuer } },
        { name: 'other', csi: { driver: 'example.com' } },
        { name: 'none', emptyDir: {} },
      ]);
      assert.ok(!denied.includes('hünter2'));
      const [one, two, ...others] = denied.split('; ');
      assert.match(
        one ?? '',
        /^volume "one": \[.*issuer-name: Required.*is-ca.*must be true or false.*\[redacted\].*\]$/,
      );
      assert.equal(two, `volume "two": pod.spec.volumes[].csi.readOnly must be set to 'true'`);
      assert.deepEqual(others, []);
    });

    test('check the pod template of every workload', async () => {
      for (const kind of ['Pod', 'Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'CronJob']) {
        const { denied } = await client.create(kind, {});
        const key = 'volumeAttributes.csi.cert-manager.io/issuer-name';
        assert.equal(denied, `volume "tls": ${key}: Required value: issuer-name is a required field`, kind);
        assert.deepEqual(await client.create(kind, issuer), { denied: '', warnings: [] }, kind);
      }
    });

    test('only warn of attributes without effect', async () => {
      const volumeAttributes = { ...issuer, 'csi.cert-manager.io/dns-name': 'a', 'cert-manager.io/dns-names': 'a' };
      const { denied, warnings } = await client.create('Deployment', volumeAttributes);
      assert.equal(denied, '');
      const [warning = ''] = warnings;
      assert.match(warning, /volume \\"tls\\": .*unknown attribute \\"csi\.cert-manager\.io\/dns-name\\" is ignored/);
      assert.match(warning, /attribute \\"cert-manager\.io\/dns-names\\" is not of the group csi\.cert-manager\.io/);
    });

    test('leave an object alone that exists with wrong volumes, until its volumes change', async () => {
      const bindings = ['certfleet-workloads', 'certfleet-workloads-unknown'];
      await cluster.kubectl(['delete', 'validatingadmissionpolicybinding', ...bindings]);
      await takesEffect('no policy', async () => (await client.create('Deployment', {})).denied === '');
      await client.createDeployment('old', {});
      await install({}, /-workloads/);
      await takesEffect('the policy', async () => (await client.create('Deployment', {})).denied !== '');
      await cluster.kubectl(['scale', 'deployment', 'old', '--replicas=2']);
      await cluster.kubectl(['label', 'deployment', 'old', 'team=a']);
      const patch = (value: string): string =>
        JSON.stringify([
          { op: 'add', path: '/spec/template/spec/volumes/0/csi/volumeAttributes', value: { [value]: 'ca' } },
        ]);
      await assert.rejects(
        cluster.kubectl(['patch', 'deployment', 'old', '--type=json', '-p', patch('csi.cert-manager.io/issuer')]),
        /issuer-name: Required value/,
      );
      await cluster.kubectl([
        ...['patch', 'deployment', 'old', '--type=json'],
        ...['-p', patch('csi.cert-manager.io/issuer-name')],
      ]);
    });

    test('survive a pod that costs more than CEL may, which the agent judges', async () => {
      const volumeAttributes = Object.fromEntries(
        Array.from({ length: 400 }, (_, index) => [`example.com/${'x'.repeat(50)}${index}`, 'v'.repeat(2000)]),
      );
      const volume = { csi: { driver: 'csi.cert-manager.io', readOnly: true, volumeAttributes } };
      const { denied } = await client.createPod(['a', 'b', 'c'].map((name) => ({ name, ...volume })));
      assert.ok(denied === '' || denied.includes('issuer-name: Required value'), denied.slice(0, 500));
    });

    test('with strict attributes, refuse what the agent then refuses', async () => {
      await install({ 'app.driver.strictAttributes': true }, /-pods/);
      const unknown = { ...issuer, 'csi.cert-manager.io/dns-name': 'a' };
      await takesEffect('the strict policy', async () => (await client.create('Pod', unknown)).denied !== '');
      const [sentence] = agentAnswer(unknown, true).split(', did you mean');
      assert.equal((await client.create('Pod', unknown)).denied, `volume "tls": ${sentence}`);
    });
  });
}
