import type { Cluster } from '../../cluster/cluster.ts';
import { waitUntil } from '../../cluster/wait.ts';
import { readApi, resources } from '../support/api-reader.ts';
import type { PodObject } from '../support/pods.ts';
import type { GetFleet } from './fleet-context.ts';
import { fingerprintsIn } from './mutual-tls.ts';
import { untilAccepted } from './fleet-state.ts';
import { caFileOf } from './rotated-pods.ts';

/** The used fields of a CARotation's status. */
interface RotationStatus {
  readonly phase?: string;
  readonly direction?: string;
  readonly waitingFor?: string;
  readonly blocking?: { readonly volumes?: readonly { readonly pod: string }[] };
}

/** What else a rotation has to show. */
interface Expected {
  readonly direction?: 'Backward';
  /** The only pod that the phase waits for. */
  readonly blocking?: string;
}

/** The CARotation object of a test. */
export class RotationProbe {
  readonly name: string;
  readonly #context: GetFleet;
  #changes = 0;

  constructor(context: GetFleet, name: string) {
    this.#context = context;
    this.name = name;
  }

  /** Creates it, with the certificates of both CAs. */
  async start({
    from,
    to,
    ...more
  }: {
    readonly from: string;
    readonly to: string;
    readonly reason: string;
  }): Promise<void> {
    const rotation = {
      apiVersion: 'certfleet.io/v1alpha1',
      kind: 'CARotation',
      metadata: { name: this.name },
      spec: { ...more, from: { certificate: from }, to: { certificate: to } },
    };
    await untilAccepted(`the rotation ${this.name}`, () => this.#context().cluster.apply(rotation));
  }

  async status(): Promise<RotationStatus> {
    const { cluster } = this.#context();
    const target = { resource: resources.caRotations, name: this.name };
    return (await readApi<{ readonly status?: RotationStatus }>(cluster, target)).status ?? {};
  }

  /** Waits for a phase, and for the reason why it does not continue. */
  async until(phase: string, waitingFor?: string, { direction, blocking }: Expected = {}): Promise<void> {
    let last = '';
    const isThere = async (): Promise<boolean> => {
      const now = await this.status();
      const blocked = (now.blocking?.volumes ?? []).map(({ pod }) => pod).join();
      last = [now.direction, now.phase, now.waitingFor, blocked].join(' ');
      const differs = (expected: string | undefined, found: string | undefined): boolean =>
        expected !== undefined && expected !== found;
      const others = [
        differs(waitingFor, now.waitingFor),
        differs(direction, now.direction),
        differs(blocking, blocked),
      ];
      return now.phase === phase && !others.includes(true);
    };
    const isSo = (): Promise<boolean> =>
      isThere().catch((error: unknown) => {
        last = String(error);
        return false;
      });
    const options = { timeoutMs: 240_000, intervalMs: 250, explain: () => Promise.resolve(last) };
    await waitUntil(`${this.name} in ${phase} ${waitingFor ?? ''}`, isSo, options);
  }

  /** Changes the object without a meaning, so that agents compare their volumes with it now, not after their back-off. */
  async touch(): Promise<void> {
    const mark = `test.certfleet.io/touched=${Date.now()}`;
    await this.#run('annotate', mark, '--overwrite');
  }

  /** Ends the wait until its issuer is tested again, as each change of the spec does. */
  async testAgain(): Promise<void> {
    this.#changes += 1;
    await this.change({ ttlSecondsAfterFinished: 86_400 + this.#changes });
  }

  async rollback(): Promise<void> {
    await this.change({ rollback: true });
  }

  /** Changes fields of its spec. */
  async change(spec: object): Promise<void> {
    await this.#run('patch', '--type=merge', `--patch=${JSON.stringify({ spec })}`);
  }

  async remove(): Promise<void> {
    await this.#run('delete', '--wait', '--timeout=60s', '--ignore-not-found');
  }

  async #run(verb: string, ...flags: readonly string[]): Promise<void> {
    const { cluster } = this.#context();
    const command = [verb, 'carotation', this.name, ...flags];
    await untilAccepted(command.join(' '), () => cluster.kubectl(command));
  }
}

/** The different CA files of pods: the sorted fingerprints of each. */
export function rootsOf(cluster: Cluster, pods: readonly PodObject[]): readonly string[] {
  const files = pods.map((pod) => caFileOf(cluster, pod));
  return [...new Set(files.map((file) => [...fingerprintsIn(file)].sort().join()))].sort();
}
