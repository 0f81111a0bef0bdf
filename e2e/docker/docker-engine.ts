import { mkdir, rm, writeFile } from 'node:fs/promises';
import { run } from '../cluster/command.ts';
import type { CommandOptions, CommandResult } from '../cluster/command.ts';
import { componentIn } from '../cluster/component.ts';
import { writeArchive, type NamedImage } from '../cluster/images/publish-image.ts';
import { Sandbox } from '../cluster/sandbox.ts';

const socket = 'unix:///run/docker.sock';

/**
 * A separate dockerd. Its bridges and rules are in the sandbox's network namespace, its sockets, images and volumes in
 * its mount namespace, its containers in its cgroup: all of it ends with the sandbox and with the test's process.
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
      // Images in memory, like those of clusters.
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

  /** The sandbox of dockerd; removed by stop(). */
  get sandbox(): Sandbox {
    return this.#sandbox;
  }

  /** Runs a command in the sandbox, with the environment for docker and docker-compose. */
  run(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    // A separate configuration: the machine's may name contexts and helpers that are not for this engine.
    const env = { DOCKER_HOST: socket, DOCKER_CONFIG: this.#sandbox.path('docker') };
    return run(argv, { prefix: this.#sandbox.enterNode, ...options, env });
  }

  /** Loads images, which are built outside, where package registries are reachable. */
  async load(images: readonly NamedImage[]): Promise<void> {
    const path = this.#sandbox.path('images.tar');
    await writeArchive(path, images);
    await this.run(['docker', 'load', '--quiet', '--input', path]);
    await rm(path);
  }

  /** The path of a file in a named volume, for this process. */
  volumePath(volume: string, path: string): string {
    return this.#sandbox.nodePath(`/var/lib/docker/volumes/${volume}/_data/${path}`);
  }

  /** Ends dockerd and all containers in any state. */
  stop(): Promise<void> {
    return this.#sandbox.destroy();
  }
}

/**
 * runc for machines whose root lacks CAP_SYS_RESOURCE, such as test containers: a privileged container requests every
 * capability by name, and runc fails with "unable to apply caps" when one is not available.
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
    // A lower score also needs CAP_SYS_RESOURCE.
    '--oom-score-adjust=0',
    `--add-runtime=permitted=${runtimePath(sandbox)}`,
    '--default-runtime=permitted',
    '--bip=10.91.0.1/24',
    '--default-address-pool=base=10.92.0.0/16,size=24',
    '--log-level=warn',
  ];
}
