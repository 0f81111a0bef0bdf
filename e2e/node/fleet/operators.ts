import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { runPlugin, type CliOutcome } from '../../support/run-plugin.ts';
import { releaseNamespace } from '../support/release.ts';
import { crowdIssuer, type GetFleet } from './fleet-context.ts';

const renewOne = ['renew', '--pod', 'crowd-0', '--reason', 'test', '--dry-run'];

/** Tests the permissions of the chart's roles with the command line. */
export function operatorSuite(context: GetFleet): void {
  describe('an operator', () => {
    test('with the view role can list, but not renew or pause a lane', async () => {
      const { api, tokens, crowd } = context();
      const list = await api.run(tokens.viewer, 'list', '--issuer', `ClusterIssuer.cert-manager.io//${crowdIssuer}`);
      assert.equal(list.exitCode, 0, list.complaint);
      assert.equal(list.output.match(/crowd-\d+/g)?.length, crowd.length);
      for (const command of [renewOne, ['renew', '--all', '--reason', 'test']]) {
        const { exitCode, complaint } = await api.run(tokens.viewer, ...command);
        assert.equal(exitCode, 1);
        assert.match(complaint, /403.*right to renew volumes\.certfleet\.io/);
      }
    });

    test('with the renew role can do both', async () => {
      const { api, tokens } = context();
      const { exitCode, output, complaint } = await api.run(tokens.renewer, ...renewOne);
      assert.equal(exitCode, 0, complaint);
      assert.match(output, /^1 volumes? would be renewed/);
      assert.equal((await api.run(tokens.renewer, 'status')).exitCode, 0);
    });

    test('reaches the controller by a kubeconfig alone, through the port-forward of the API server', async () => {
      const { cluster, crowd } = context();
      const env = { KUBECONFIG: await cluster.localKubeconfig() };
      const run = (...argv: string[]): Promise<CliOutcome> =>
        runPlugin(cluster.directory, env, 'list', '-o', 'json', ...argv);
      const { exitCode, output, complaint } = await run(`--service-account=${releaseNamespace}/viewer`);
      assert.equal(exitCode, 0, complaint);
      const { volumes } = JSON.parse(output) as { readonly volumes: readonly object[] };
      assert.ok(volumes.length >= crowd.length);
      const stranger = await run(`--service-account=${releaseNamespace}/stranger`);
      assert.equal(stranger.exitCode, 1);
      assert.match(stranger.complaint, /403/);
      assert.match((await run()).complaint, /401/);
    });

    test('without a role or token sees nothing', async () => {
      const { api, tokens } = context();
      const refusals = [await api.run(tokens.stranger, 'list'), await api.run(undefined, 'list')];
      assert.deepEqual(
        refusals.map(({ exitCode, output }) => [exitCode, output]),
        [
          [1, ''],
          [1, ''],
        ],
      );
      assert.match(refusals[0]?.complaint ?? '', /403/);
      assert.match(refusals[1]?.complaint ?? '', /401/);
    });
  });
}
