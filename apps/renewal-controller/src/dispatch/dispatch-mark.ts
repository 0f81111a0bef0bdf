import type { Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { RepeatedWork } from '@certfleet/shared/repeated-work.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import { defineScript, serverTime } from '../redis/lua-script.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { isRedisUnavailable } from '../redis/redis-unavailable.ts';

export interface DispatchMarkParts {
  readonly redis: RedisClient;
  readonly keys: Pick<RedisKeys, 'dispatched'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** No replica dispatches renewals. */
export interface Standstill {
  /** When the last one did, in milliseconds since the epoch; undefined if Redis does not know it. */
  readonly sinceMs: number | undefined;
}

const everyMs = 5_000;
const staleAfterMs = 30_000;

const setScript = defineScript({
  keys: ['dispatched'],
  prelude: [serverTime],
  body: `
redis.call('SET', dispatched, nowMs())`,
});

/** Returns the mark and its age in milliseconds; nothing without a mark. */
const readScript = defineScript({
  keys: ['dispatched'],
  prelude: [serverTime],
  body: `
local at = tonumber(redis.call('GET', dispatched) or '')
if at == nil then return {} end
return {at, math.max(0, nowMs() - at)}`,
});

/**
 * Tells replicas that do not know the pauses of lanes whether another one does, and dispatches renewals. Its times are
 * those of the Redis server, because the clocks of replicas may differ. A mark that does not change is outdated too: the
 * clock of the server may have been set back since.
 */
export class DispatchMark {
  readonly #parts: DispatchMarkParts;
  readonly #repeated: RepeatedWork;
  #isStarted = false;
  /** The last mark that was read, and since when it is the same, in monotonic milliseconds. */
  #read: { readonly mark: number; readonly sinceMs: number } | undefined;

  constructor(parts: DispatchMarkParts) {
    this.#parts = parts;
    this.#repeated = new RepeatedWork({
      work: () => this.#set(),
      pauseMs: everyMs,
      failure: 'cannot mark that this replica dispatches renewals, retrying',
      isReportedElsewhere: isRedisUnavailable,
      clock: parts.clock,
      log: parts.logger,
    });
  }

  /** Call when this replica dispatches renewals. */
  start(): void {
    this.#isStarted = true;
    void this.#repeated.run();
    this.#repeated.start();
  }

  async stop(): Promise<void> {
    await this.#repeated.stop();
  }

  /** Undefined if this replica or another one dispatches renewals. @param limitMs age at which a mark is outdated */
  async standstill(limitMs: number = staleAfterMs): Promise<Standstill | undefined> {
    if (this.#isStarted && !this.#repeated.isStopped) return undefined;
    const { redis, keys, clock } = this.#parts;
    const [mark, shownAgeMs] = (await readScript.run(redis, { keys })) as readonly number[];
    if (mark === undefined || shownAgeMs === undefined) return { sinceMs: undefined };
    const nowMs = clock.monotonic();
    if (this.#read?.mark !== mark) this.#read = { mark, sinceMs: nowMs };
    const ageMs = Math.max(shownAgeMs, nowMs - this.#read.sinceMs);
    return ageMs < limitMs ? undefined : { sinceMs: clock.now() - ageMs };
  }

  async #set(): Promise<void> {
    const { redis, keys } = this.#parts;
    await setScript.run(redis, { keys });
  }
}
