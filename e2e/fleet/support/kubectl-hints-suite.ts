// The kubectl commands that the operators' page offers, run with the real kubectl in a shell, as a user runs them.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { named } from '../../chart/controller-objects.ts';
import { render } from '../../chart/render-chart.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { toolPath } from '../../tools/build.ts';

const run = promisify(execFile);

const release = 'hints-release';

/** What the page's modules export. They are typed for a browser, so that they are not part of the tests' program. */
interface PageModules {
  readonly 'volumes/kubectl-command.ts': {
    agentPods: (node: string) => string | undefined;
    createToken: string;
    describePod: (namespace: string, pod: string) => string | undefined;
    getPods: (pods: readonly string[]) => string | undefined;
    kubectlCommand: (view: unknown) => string | undefined;
  };
  readonly 'volumes/volumes-view.ts': { parseVolumesView: (query: string) => unknown };
  readonly 'messages/messages.ts': { t: { errors: { advice: { unavailable: string } } } };
}

async function pageModule<Path extends keyof PageModules>(path: Path): Promise<PageModules[Path]> {
  const file = resolve(import.meta.dirname, '../../../apps/dashboard/src', path);
  return (await import(pathToFileURL(file).href)) as PageModules[Path];
}

const { agentPods, createToken, describePod, getPods, kubectlCommand } = await pageModule('volumes/kubectl-command.ts');
const { parseVolumesView } = await pageModule('volumes/volumes-view.ts');
const { t } = await pageModule('messages/messages.ts');

/** Adds the tests to the file that has started the cluster; there, no kubelet starts the pods. */
export function kubectlHintsSuite({ cluster }: { readonly cluster: () => Cluster }): void {
  let env: NodeJS.ProcessEnv;

  /** The output of a command line; rejects if one of its commands fails. */
  async function shell(commands: string | undefined): Promise<string> {
    assert.ok(commands, 'the page offers a command');
    return (await run('sh', ['-e', '-c', commands], { env, timeout: 60_000 })).stdout;
  }

  /** Names of the pods in the tables that a command prints. */
  async function podsListedBy(commands: string | undefined): Promise<readonly string[]> {
    const rows = (await shell(commands)).trim().split('\n');
    const head = rows[0]?.split(/\s+/) ?? [];
    const column = head.indexOf('NAME');
    const names = rows.map((row) => row.split(/\s+/)[column] ?? '');
    return names.filter((name) => name !== 'NAME').sort();
  }

  describe('the kubectl commands of the page', () => {
    before(async () => {
      const path = `${dirname(await toolPath('kubectl'))}:${process.env['PATH'] ?? ''}`;
      env = { ...process.env, PATH: path, KUBECONFIG: await cluster().localKubeconfig() };
      const pod = (name: string, namespace: string, { nodeName, labels }: { nodeName: string; labels: object }) => ({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace, labels },
        spec: { nodeName, containers: [{ name: 'c', image: 'c' }] },
      });
      const account = { apiVersion: 'v1', kind: 'ServiceAccount' };
      const chart = await render({ 'controller.enabled': true });
      const labelsOf = (kind: string, name: string): object => {
        const { spec } = named(chart, kind, name) as { readonly spec?: { readonly template: { metadata: object } } };
        const { labels } = spec?.template.metadata as { readonly labels: object };
        return labels;
      };
      const [agent, controller] = [labelsOf('DaemonSet', 'certfleet'), labelsOf('Deployment', 'certfleet-controller')];
      const namespaces = ['hints-shop', 'hints-data', release];
      await cluster().apply(namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })));
      await cluster().apply(
        ['default', 'operator'].flatMap((name) =>
          namespaces.map((namespace) => ({ ...account, metadata: { name, namespace } })),
        ),
      );
      await cluster().apply([
        pod('web-1', 'hints-shop', { nodeName: 'hints-1', labels: { team: 'core', tier: 'front' } }),
        pod('cart-1', 'hints-shop', { nodeName: 'hints-2', labels: { team: 'pay', tier: 'front' } }),
        pod('db-0', 'hints-data', { nodeName: 'hints-1', labels: { team: 'core', tier: 'back' } }),
        pod('agent-1', release, { nodeName: 'hints-1', labels: agent }),
        pod('agent-2', release, { nodeName: 'hints-2', labels: agent }),
        pod('controller-1', release, { nodeName: 'hints-1', labels: controller }),
      ]);
    });

    test('describe the pod of a volume', async () => {
      assert.match(await shell(describePod('hints-shop', 'web-1')), /^Name: +web-1\nNamespace: +hints-shop\n/);
    });

    test('list the selected pods of several namespaces', async () => {
      const command = getPods(['hints-shop/web-1', 'hints-data/db-0', 'hints-shop/cart-1']);
      assert.deepEqual(await podsListedBy(command), ['cart-1', 'db-0', 'web-1']);
    });

    test('list the pods of a table by namespace, pod, node and labels', async () => {
      const listedFor = (query: string): Promise<readonly string[]> =>
        podsListedBy(kubectlCommand(parseVolumesView(query)));
      assert.deepEqual(await listedFor('?namespace=hints-shop'), ['cart-1', 'web-1']);
      assert.deepEqual(await listedFor('?pod=db-0'), ['db-0']);
      assert.deepEqual(await listedFor('?node=hints-1&label=tier=front'), ['web-1']);
      assert.deepEqual(await listedFor('?label=team=core,team=pay,tier=front'), ['cart-1', 'web-1']);
      assert.deepEqual(await listedFor('?namespace=hints-shop&pod=web-1&node=hints-1'), ['web-1']);
    });

    test('find the agent of a silent node, and the controller that does not answer, in any namespace', async () => {
      assert.deepEqual(await podsListedBy(agentPods('hints-2')), ['agent-2']);
      const [command] = /kubectl .*$/.exec(t.errors.advice.unavailable) ?? [];
      // Other suites of the file may have a controller, too.
      const found = await podsListedBy(command);
      assert.deepEqual([found.includes('controller-1'), found.includes('agent-1')], [true, false]);
    });

    test('create a token for the sign-in', async () => {
      const command = createToken.replace(' NAME ', ' operator ').replace(' NAMESPACE ', ` ${release} `);
      assert.match(await shell(command), /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/);
    });
  });
}
