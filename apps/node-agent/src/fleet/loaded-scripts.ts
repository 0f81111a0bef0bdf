import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { queueScript } from '@certfleet/shared/queue-scripts.ts';
import { redisFault } from '@certfleet/shared/redis-errors.ts';
import type { Cluster, Redis } from 'ioredis';

/** The controller reloads scripts that Redis lost within five seconds. */
const retryMs = 1_000;
const attempts = 10;

/** The argument of defineCommand, by which BullMQ makes a script a command of the client. */
interface CommandDefinition {
  readonly lua: string;
  readonly numberOfKeys?: number;
}

/**
 * Makes BullMQ call its scripts by hash, as the controller loaded them. The node's Redis user must not load scripts,
 * and ioredis would otherwise send the source of each one. Call it before BullMQ gets the client, and for each
 * duplicate.
 */
export function useLoadedScripts(client: Redis | Cluster, clock: Clock): void {
  const define = (name: string, { lua, numberOfKeys = 0 }: CommandDefinition): void => {
    const script = queueScript(name.replace(/:.*$/, ''), lua);
    const run = (args: readonly string[]): Promise<unknown> =>
      script === undefined
        ? Promise.reject(new CertfleetError('failed-precondition', `${name} is not a script of a node's queue`))
        : runLoaded(() => client.evalsha(script.sha, numberOfKeys, ...args), clock);
    Object.assign(client, { [name]: run });
  };
  client.defineCommand = define;
}

async function runLoaded(run: () => Promise<unknown>, clock: Clock): Promise<unknown> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run();
    } catch (thrown) {
      if (redisFault(thrown) !== 'no-script') throw thrown;
      if (attempt === attempts)
        throw new CertfleetError(
          'unavailable',
          'Redis does not have the scripts of the renewal queue; the controller loads them when it connects to Redis, ' +
            'and agent and controller must have the same release',
          { reason: 'ScriptsMissing', cause: thrown },
        );
      await delay(clock, retryMs);
    }
  }
}
