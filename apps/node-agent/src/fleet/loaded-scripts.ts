import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { queueScript } from '@certfleet/shared/queue-scripts.ts';
import { redisFault } from '@certfleet/shared/redis-errors.ts';
import type { Cluster, Redis } from 'ioredis';

/** The controller loads scripts that Redis lost within five seconds. */
const retryMs = 1_000;
const attempts = 10;

/** BullMQ's way to make a script a command of the client. */
interface CommandDefinition {
  readonly lua: string;
  readonly numberOfKeys?: number;
}

/**
 * Makes BullMQ call its scripts as the controller loaded them: by their hash alone. A node's Redis user may bring no script
 * of its own, and ioredis would send each one in full first. Call it before BullMQ has the client, and for each copy.
 */
export function useLoadedScripts(client: Redis | Cluster, clock: Clock): void {
  const define = (name: string, { lua, numberOfKeys = 0 }: CommandDefinition): void => {
    const script = queueScript(name.replace(/:.*$/, ''), lua);
    const run = (args: readonly string[]): Promise<unknown> =>
      script === undefined
        ? Promise.reject(new CertfleetError('failed-precondition', `${name} is no script of a node's queue`))
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
          'Redis does not have the scripts of the renewal queue: the controller loads them when it reaches Redis; ' +
            'agent and controller must be of the same release',
          { reason: 'ScriptsMissing', cause: thrown },
        );
      await delay(clock, retryMs);
    }
  }
}
