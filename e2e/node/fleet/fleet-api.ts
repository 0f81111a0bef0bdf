import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { runCli } from '../../../apps/renewal-controller/src/cli/run-cli.ts';
import { systemClock } from '../../../libs/shared/src/clock.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import type { Forward } from '../../cluster/forward.ts';
import type { CliOutcome } from '../../support/run-plugin.ts';
import { releaseNamespace } from '../support/release.ts';

/** The Service of the controller, and the CA of its certificate. */
export class FleetApi {
  readonly #forward: Forward;
  readonly #caFile: string;

  private constructor(forward: Forward, caFile: string) {
    this.#forward = forward;
    this.#caFile = caFile;
  }

  /** Connects like an external operator: through the Service, with the CA fetched as the chart's notes say. */
  static async open(cluster: Cluster): Promise<FleetApi> {
    const field = async (object: string, path: string): Promise<string> => {
      const output = `--output=jsonpath={${path}}`;
      return (await cluster.kubectl(['get', object, '--namespace', releaseNamespace, output])).stdout;
    };
    const ca = await field('secret/certfleet-controller-tls', String.raw`.data.ca\.crt`);
    const caFile = join(cluster.directory, 'fleet-ca.crt');
    await writeFile(caFile, Buffer.from(ca, 'base64'));
    const address = await field('service/certfleet-controller', '.spec.clusterIP');
    return new FleetApi(await cluster.forward(443, address), caFile);
  }

  /** Runs the operators' command line with a token, outside the cluster. */
  async run(token: string | undefined, ...argv: readonly string[]): Promise<CliOutcome> {
    let [output, complaint] = ['', ''];
    const exitCode = await runCli({
      argv,
      env: {
        CERTFLEET_SERVER: `https://127.0.0.1:${this.#forward.port}`,
        CERTFLEET_SERVER_NAME: `certfleet-controller.${releaseNamespace}.svc`,
        CERTFLEET_CA_FILE: this.#caFile,
        CERTFLEET_TOKEN: token,
      },
      clock: systemClock,
      print: (text) => (output += text),
      printError: (text) => (complaint += text),
    });
    return { exitCode, output, complaint };
  }

  /** The API's answer to a command; rejects with the command line's output. */
  async json<T>(token: string, ...argv: readonly string[]): Promise<T> {
    const { exitCode, output, complaint } = await this.run(token, ...argv, '--output', 'json');
    if (exitCode !== 0) throw new Error(complaint);
    return JSON.parse(output) as T;
  }
}

/** Runs the operators' command line in the controller's image with a token. @returns its output */
export async function certfleetInController(
  cluster: Cluster,
  token: string,
  ...args: readonly string[]
): Promise<string> {
  const cli = ['sh', '-c', 'CERTFLEET_TOKEN=$(cat) exec certfleet "$@"', 'certfleet', ...args];
  const exec = ['exec', '--stdin', 'deployment/certfleet-controller', '--namespace', releaseNamespace, '--'];
  return (await cluster.kubectl([...exec, ...cli], { input: token })).stdout;
}

/** A ServiceAccount for an operator, with a role of the chart or none. @returns its token */
export async function createOperator(cluster: Cluster, name: string, role?: 'view' | 'renew'): Promise<string> {
  const account = ['--namespace', releaseNamespace];
  await cluster.kubectl(['create', 'serviceaccount', name, ...account]);
  if (role !== undefined) {
    const subject = [`--clusterrole=certfleet-${role}`, `--serviceaccount=${releaseNamespace}:${name}`];
    await cluster.kubectl(['create', 'clusterrolebinding', name, ...subject]);
  }
  return (await cluster.kubectl(['create', 'token', name, ...account])).stdout.trim();
}
