import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { RenewalDispatcher } from './dispatch/renewal-dispatcher.ts';
import type { IssuerName } from './fleet-index/model/indexed-volume.ts';
import type { FleetView } from './fleet-index/view/fleet-view.ts';
import { FileIntentStore } from './intent/file-intent-store.ts';
import type { IntentStore } from './intent/intent-store.ts';
import { KubeIntentStore } from './intent/kube-intent-store.ts';
import { IntentEvents } from './kube/intent-events.ts';
import { LanePolicyFollower } from './lane-intent/lane-policy-follower.ts';
import { LanePolicyReporter } from './lane-intent/lane-policy-reporter.ts';
import { OperatorPauses } from './lane-intent/operator-pauses.ts';
import type { LanePolicies } from './lanes/lane-policies.ts';
import type { RedisConnections } from './redis/redis-connections.ts';
import type { RedisKeys } from './redis/redis-keys.ts';
import { undecidedRenewals } from './renewals/undecided-renewals.ts';
import type { UndecidedRenewal } from './renewals/undecided-renewals.ts';
import { rotationRows } from './rotations/rotation-row.ts';
import type { RotationRow } from './rotations/rotation-row.ts';

export interface OperatorIntentParts {
  /** --intent-directory */
  readonly directory: string | undefined;
  readonly client: KubeClient | undefined;
  readonly connections: RedisConnections;
  readonly keys: RedisKeys;
  readonly dispatcher: RenewalDispatcher;
  readonly policies: LanePolicies;
  readonly view: () => FleetView;
  readonly replica: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The objects of operators, and what applies them to the lanes. */
export class OperatorIntent {
  readonly store: IntentStore;
  readonly events: IntentEvents;
  readonly pauses: OperatorPauses;
  readonly #follower: LanePolicyFollower;
  readonly #reporter: LanePolicyReporter;

  /** @throws CertfleetError invalid-argument without a place for the objects */
  constructor(parts: OperatorIntentParts) {
    const { connections, dispatcher, policies, view, clock, log } = parts;
    const { lanes, pauses } = dispatcher;
    this.store = openStore(parts);
    this.events = new IntentEvents(parts);
    const [store, events] = [this.store, this.events];
    const issuers = (): Iterable<IssuerName> =>
      view()
        .stats(clock.now())
        .issuers.values()
        .map(({ issuer }) => issuer);
    this.#follower = new LanePolicyFollower({
      ...{ store, policies, lanes, pauses, issuers, clock, log },
    });
    const apply = async (): Promise<void> => {
      this.#follower.refresh();
      await this.#follower.apply();
    };
    this.pauses = new OperatorPauses({ store, policies, events, apply, clock, log });
    connections.onStateLoss(() => this.#follower.redisLostState());
    this.#reporter = new LanePolicyReporter({
      ...{ store, lanes, events, view, clock, log },
      redis: connections.commands,
      keys: parts.keys,
      replica: parts.replica,
      problemOf: (name) => this.#follower.problemOf(name),
    });
  }

  /**
   * Begins to read the objects.
   * @returns a promise of the moment at which the pauses of lanes are known, before which no renewal may start
   * @throws if the objects cannot be read, for example because of a damaged file
   */
  async start(): Promise<{ readonly pausesKnown: Promise<void> }> {
    await this.store.start();
    this.#reporter.start();
    return { pausesKnown: this.#follower.start() };
  }

  /** Why pauses may be unknown or outdated; undefined if they are not. */
  problem(): string | undefined {
    return this.store.problem('LanePolicy');
  }

  /** The unfinished CA rotations. */
  rotations(): readonly RotationRow[] {
    return rotationRows(this.store.list('CARotation'));
  }

  /** The renewals on demand that wait for an operator. */
  undecidedRenewals(): readonly UndecidedRenewal[] {
    return undecidedRenewals(this.store.list('Renewal'));
  }

  async stop(): Promise<void> {
    await this.#reporter.stop();
    await this.store.stop();
    await this.#follower.stop();
    await this.events.stop();
  }
}

function openStore({ directory, client, clock, log }: OperatorIntentParts): IntentStore {
  if (directory !== undefined) return new FileIntentStore({ directory, clock, log });
  if (client !== undefined) return new KubeIntentStore({ client, clock, log });
  throw new CertfleetError(
    'invalid-argument',
    'pauses and renewals on demand need a durable place: run in a cluster, or set --kubeconfig or --intent-directory',
  );
}
