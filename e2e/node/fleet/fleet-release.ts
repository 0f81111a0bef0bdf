import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';

import type { Cluster } from '../../cluster/cluster.ts';
import { redisImage } from '../../cluster/images/base-images.ts';
import type { ImageBuild } from '../../cluster/images/build-context.ts';
import { keepLogs } from '../support/kept-logs.ts';
import { appImage, chart, chartFile, podsOf, releaseName, releaseNamespace } from '../support/release.ts';
import type { ComponentName } from '../support/release.ts';

interface ChartValues {
  readonly controller: { readonly redis: { readonly image: { readonly repository: string; readonly tag: string } } };
}

const place = ['--namespace', releaseNamespace];
const untilReady = ['--wait', '--timeout', '2m'];

/** The whole of this repository's chart, with images built from its Dockerfile under the names that it has by default. */
export class FleetRelease {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Builds the images and pushes them to the node's registry. */
  async buildImages(): Promise<void> {
    const { appVersion } = parse(await chartFile('Chart.yaml')) as { appVersion: string };
    await this.#cluster.buildImages([
      appImage('node-agent', appVersion),
      appImage('renewal-controller', appVersion),
      await this.#redisImage(),
    ]);
  }

  /** `helm install` with default values, until everything is ready. @returns the chart's notes */
  async install(): Promise<string> {
    const install = ['install', releaseName, chart, ...place, '--create-namespace', ...untilReady];
    const { stdout } = await this.#cluster.helm(install);
    await this.#untilAgentIsReady();
    return stdout;
  }

  async isInstalled(): Promise<boolean> {
    return (await this.#cluster.helm(['list', '--short', ...place])).stdout.includes(releaseName);
  }

  /** `helm upgrade` with a values file, until everything is ready. @returns the chart's notes */
  async upgrade(values: object): Promise<string> {
    await keepLogs(this.#cluster);
    const file = join(this.#cluster.directory, 'values.yaml');
    await writeFile(file, JSON.stringify(values));
    const upgrade = ['upgrade', releaseName, chart, ...place, '--values', file, ...untilReady];
    const { stdout } = await this.#cluster.helm(upgrade);
    await this.#untilAgentIsReady();
    return stdout;
  }

  /** `helm rollback` to a revision, until everything is ready. */
  async rollback(revision: number): Promise<void> {
    await keepLogs(this.#cluster);
    await this.#cluster.helm(['rollback', releaseName, `${revision}`, ...place, ...untilReady]);
    await this.#untilAgentIsReady();
  }

  /** A sample of a component's metrics, summed over its pods; 0 if missing. */
  async metric(component: ComponentName, sample: string): Promise<number> {
    const values = (await this.metrics(component)).map((page) => {
      const line = page.split('\n').find((each) => each.startsWith(`${sample} `));
      return line === undefined ? 0 : Number(line.slice(sample.length));
    });
    return values.reduce((sum, value) => sum + value, 0);
  }

  /** The metrics pages of a component's pods. */
  async metrics(component: ComponentName): Promise<readonly string[]> {
    const pods = await podsOf(this.#cluster, component);
    return Promise.all(
      pods.map(async ({ status }) => {
        const page = ['--silent', '--fail', `http://${status.podIP ?? ''}:9402/metrics`];
        return (await this.#cluster.exec('curl', page)).stdout;
      }),
    );
  }

  /** helm accepts a tenth of the nodes without an agent, rounded up: with one node, all. */
  async #untilAgentIsReady(): Promise<void> {
    await this.#cluster.kubectl(['rollout', 'status', `daemonset/${releaseName}`, ...place, '--timeout=90s']);
    await keepLogs(this.#cluster);
  }

  /** This machine's Redis under the image name of the chart. */
  async #redisImage(): Promise<ImageBuild> {
    const { controller } = parse(await chartFile('values.yaml')) as ChartValues;
    const { repository, tag } = controller.redis.image;
    const context = await mkdtemp(join(this.#cluster.directory, 'redis-image-'));
    await writeFile(join(context, 'Dockerfile'), `FROM ${redisImage}\n`);
    return { tag: `${repository}:${tag}`, context };
  }
}
