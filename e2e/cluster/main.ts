import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';

import { toolPath } from '../tools/build.ts';
import { toolEnvironment } from './kubernetes-tools.ts';
import { isRunning } from './process-identity.ts';
import { listClusterDirectories, readRecord } from './record.ts';
import { Sandbox } from './sandbox.ts';
import { startLocalCluster } from './start-local.ts';

const usage = `usage: node e2e/cluster/main.ts <command>

  up [--control-plane] [--without-approver]   start a cluster that keeps running
  exec -- <command>                           run a command in it as administrator
  kubeconfig                                  print the path of its kubeconfig
  down                                        remove it

`;

/** The cluster that an earlier `up` left running; null if there is none. */
async function findRunning(): Promise<Sandbox | null> {
  for (const name of await listClusterDirectories()) {
    const record = await readRecord(name);
    if (record?.owner === null && record.namespaceHolder !== null && isRunning(record.namespaceHolder)) {
      return new Sandbox(name, record.nodes, record.namespaceHolder);
    }
  }
  return null;
}

async function running(): Promise<Sandbox> {
  const sandbox = await findRunning();
  if (sandbox === null) throw new Error('no cluster is running; start one with: node e2e/cluster/main.ts up');
  return sandbox;
}

async function up(controlPlaneOnly: boolean, approver: boolean): Promise<void> {
  const present = await findRunning();
  if (present !== null) {
    console.log(`${present.name} is already running`);
    return;
  }
  const nodes = controlPlaneOnly ? 'control-plane' : 'full';
  await startLocalCluster({ nodes, detached: true, certManager: { approver }, log: (line) => console.error(line) });
}

/** Runs the command with the cluster's kubectl and helm first in PATH; resolves with its exit code. */
async function exec(command: readonly string[]): Promise<number> {
  const sandbox = await running();
  const [file = '', ...args] = [...sandbox.enterNode, ...command];
  const tools = [dirname(await toolPath('kubectl')), dirname(await toolPath('helm'))];
  const env = {
    ...process.env,
    ...toolEnvironment({ kubeconfig: sandbox.path('admin.kubeconfig'), directory: sandbox.directory }),
    PATH: [...tools, process.env['PATH'] ?? ''].join(':'),
  };
  const child = spawn(file, args, { stdio: 'inherit', env });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { 'control-plane': { type: 'boolean' }, 'without-approver': { type: 'boolean' } },
  });
  const [command = '', ...rest] = positionals;
  switch (command) {
    case 'up':
      await up(values['control-plane'] === true, values['without-approver'] !== true);
      return 0;
    case 'exec':
      return exec(rest);
    case 'kubeconfig':
      console.log((await running()).path('admin.kubeconfig'));
      return 0;
    case 'down':
      await (await findRunning())?.destroy();
      return 0;
    default:
      console.error(usage);
      return 2;
  }
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 1;
});
