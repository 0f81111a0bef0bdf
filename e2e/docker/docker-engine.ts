import { mkdir, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { run } from '../cluster/command.ts';
import type { CommandOptions, CommandResult } from '../cluster/command.ts';
import { componentIn } from '../cluster/component.ts';
import { archive, build, withImageStorage } from '../cluster/images/builder.ts';
import type { ImageBuild } from '../cluster/images/builder.ts';
import { Sandbox } from '../cluster/sandbox.ts';

const socket = 'unix:///run/docker.sock';

/**
 * dockerd of a test's own. Its bridges and rules lie in the sandbox's network namespace, its sockets, images and volumes
 * in its mount namespace, its containers in its cgroup: all of it ends with the sandbox, and with the test's process.
 */
export class DockerEngine {
  readonly #sandbox: Sandbox;

  private constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
  }

  /** @throws with the last lines of dockerd's log when it cannot run on this machine */
  static async start(log: (line: string) => void): Promise<DockerEngine> {
    const sandbox = await Sandbox.create('full', log);
    const engine = new DockerEngine(sandbox);
    try {
      await mkdir(sandbox.path('logs'));
      await writeFile(runtimePath(sandbox), runtime, { mode: 0o755 });
      // Images in memory, as the clusters keep theirs.
      const dataRoot = 'mkdir -p /var/lib/docker && mount -t tmpfs -o mode=0711 docker /var/lib/docker';
      await engine.run(['sh', '-c', dataRoot]);
      const isReady = (): Promise<boolean> =>
        engine.run(['docker', 'version']).then(
          () => true,
          () => false,
        );
      await componentIn(sandbox.directory, sandbox.enterNode)('dockerd', dockerd(sandbox), isReady).start();
      return engine;
    } catch (error) {
      await sandbox.destroy();
      throw error;
    }
  }

  /** Where it runs; gone after stop(). */
  get sandbox(): Sandbox {
    return this.#sandbox;
  }

  /** Runs a command beside dockerd, with the environment that leads docker and docker-compose to it. */
  run(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    // A configuration of its own: the machine's may name contexts and helpers that are not for this engine.
    const env = { DOCKER_HOST: socket, DOCKER_CONFIG: this.#sandbox.path('docker') };
    return run(argv, { prefix: this.#sandbox.enterNode, ...options, env });
  }

  /** Takes an image from the storage of builds, also under other names. */
  async load(image: string, names: readonly string[] = []): Promise<void> {
    const path = this.#sandbox.path(`${basename(image).replace(':', '-')}.tar`);
    await archive(image, path);
    await this.run(['docker', 'load', '--quiet', '--input', path]);
    await rm(path);
    for (const name of names) await this.run(['docker', 'tag', image, name]);
  }

  /** Builds an image outside, where package registries can be reached, and takes it. */
  async build(order: ImageBuild): Promise<void> {
    // Taken before anybody else may build another image of that name.
    await withImageStorage(async () => {
      await build(order);
      await this.load(order.tag);
    });
  }

  /** Where this process finds a file of a named volume. */
  volumePath(volume: string, path: string): string {
    return this.#sandbox.nodePath(`/var/lib/docker/volumes/${volume}/_data/${path}`);
  }

  /** Ends dockerd and every container, whatever state they are in. */
  stop(): Promise<void> {
    return this.#sandbox.destroy();
  }
}

/**
 * runc for machines whose root lacks CAP_SYS_RESOURCE, as in containers that run tests: a privileged container is given
 * every capability by name, and runc fails with "unable to apply caps" when one is not to be had.
 */
const runtime = `#!/bin/sh
for each; do
  case $before in
    --bundle) file=$each/config.json ;;
    --process) file=$each ;;
  esac
  before=$each
done
if [ -n "$file" ] && ! setpriv --dump | grep -q sys_resource; then
  sed -i -e 's/"CAP_SYS_RESOURCE",*//g' -e 's/,]/]/g' "$file"
fi
exec runc "$@"
`;

const runtimePath = (sandbox: Sandbox): string => sandbox.path('runc');

function dockerd(sandbox: Sandbox): readonly string[] {
  return [
    'dockerd',
    `--host=${socket}`,
    `--cgroup-parent=/${sandbox.name}/docker`,
    // A lower score needs CAP_SYS_RESOURCE too.
    '--oom-score-adjust=0',
    `--add-runtime=permitted=${runtimePath(sandbox)}`,
    '--default-runtime=permitted',
    '--bip=10.91.0.1/24',
    '--default-address-pool=base=10.92.0.0/16,size=24',
    '--log-level=warn',
  ];
}
