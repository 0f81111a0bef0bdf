import { issuancePath } from '@certfleet/fleet-model/issuance-causes.ts';
import type { IssuanceCause } from '@certfleet/fleet-model/issuance-causes.ts';
import { causeNames } from '@certfleet/fleet-model/report-terms.ts';
import type { Issuance } from '@certfleet/operator-api/volumes.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { VolumeKey } from '../fleet-index/model/volume-key.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { defineScript } from '../redis/lua-script.ts';
import { laneIdOf } from '../lanes/lane-id.ts';
import { issuerCounters, readIssuerHistory } from './issuer-history.ts';
import type { IssuerHistory } from './issuer-history.ts';
import { decodeAttempts, encodeAttempt } from './issuance-line.ts';
import type { AttemptRecord } from './issuance-line.ts';

/** A volume before and after an attempt, with what the dispatcher knows about the attempt. */
export interface EndedAttempt {
  /** Undefined if the volume is new. */
  readonly previous: IndexedVolume | undefined;
  readonly current: IndexedVolume;
  /** Whether the renewal had been dispatched to its node. */
  readonly wasStarted: boolean;
  /** Whether an operator had requested it. */
  readonly wasRequested: boolean;
}

/** Counts of the renewals that ended in one hour. */
export interface DoneHour {
  readonly fromMs: number;
  readonly renewed: number;
  readonly failed: number;
  readonly byController: number;
  readonly byDeadline: number;
}

const hourMs = 3_600_000;
const countedHours = 49;
const maxAttempts = 10;
/** Counters of issuers in one hour: some kilobytes per issuer; a fleet with more issuers has no history of the others. */
const maxIssuerCounters = 5_000;

/**
 * Records attempts: each once, however often it is reported, and only while its volume exists. `history` is a hash of
 * the node: volume id → the last attempts, latest first, one per line; `counters` is the hash of the hour, `ofIssuers`
 * the one of its issuers, whose counters are marked with `@`.
 *
 * The unnamed arguments are, per attempt: volume id, key of the attempt (prefix of its line), line, comma-separated
 * counters to increment. Returns the number of increments.
 */
const recordScript = defineScript({
  keys: ['history', 'volumes', 'counters', 'ofIssuers'],
  args: { lifetimeMs: 'number' },
  hasRest: true,
  body: `
local counted = 0
for i = restAt, #ARGV, 4 do
  local id, key, line, increments = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local old = redis.call('HGET', history, id) or ''
  local isKnown = string.find('\\n' .. old, '\\n' .. key .. '\\t', 1, true)
  if not isKnown and redis.call('HEXISTS', volumes, id) == 1 then
    local lines = {line}
    for each in string.gmatch(old, '[^\\n]+') do
      if #lines < ${maxAttempts} then lines[#lines + 1] = each end
    end
    redis.call('HSET', history, id, table.concat(lines, '\\n'))
    for field in string.gmatch(increments, '[^,]+') do
      local ofIssuer = string.match(field, '^@(.+)$')
      if not ofIssuer then redis.call('HINCRBY', counters, field, 1)
      elseif redis.call('HEXISTS', ofIssuers, ofIssuer) == 1 or redis.call('HLEN', ofIssuers) < ${maxIssuerCounters} then
        redis.call('HINCRBY', ofIssuers, ofIssuer, 1)
      end
      counted = counted + 1
    end
  end
end
if counted > 0 then
  redis.call('PEXPIRE', counters, lifetimeMs)
  redis.call('PEXPIRE', ofIssuers, lifetimeMs)
end
return counted`,
});

/**
 * The last attempts of each volume, and the number of renewals per hour; stored in Redis, so that any replica can read
 * them.
 */
export class IssuanceHistory {
  readonly #redis: RedisClient;
  readonly #keys: RedisKeys;
  readonly #clock: Clock;

  constructor(redis: RedisClient, keys: RedisKeys, clock: Clock) {
    this.#redis = redis;
    this.#keys = keys;
    this.#clock = clock;
  }

  /** Records attempts; recording an attempt twice has no further effect. */
  async record(attempts: readonly EndedAttempt[]): Promise<void> {
    const groups = new Map<string, { node: string; hour: number; args: string[] }>();
    for (const ended of attempts) {
      const record = attemptRecord(ended);
      if (record === undefined) continue;
      const { node, volumeId } = ended.current;
      const hour = Math.floor(Math.min(record.atMs, this.#clock.now()) / hourMs);
      const group = groups.get(`${node}/${hour}`) ?? { node, hour, args: [] };
      const { key, line } = encodeAttempt(record);
      group.args.push(volumeId, key, line, countersOf(record, laneIdOf(ended.current.issuer)).join());
      groups.set(`${node}/${hour}`, group);
    }
    await Promise.all(groups.values().map((group) => this.#write(group)));
  }

  /** The last ten attempts of a volume, the latest first. */
  async of({ node, volumeId }: VolumeKey): Promise<readonly Issuance[]> {
    return decodeAttempts((await this.#redis.hget(this.#keys.history(node), volumeId)) ?? '');
  }

  /** The counts of the last hours, ending with the current hour. */
  async done(hours: number): Promise<readonly DoneHour[]> {
    const current = Math.floor(this.#clock.now() / hourMs);
    const wanted = Array.from({ length: hours }, (_, i) => current - hours + 1 + i);
    return await Promise.all(
      wanted.map(async (hour) => {
        const fields = await this.#redis.hgetall(this.#keys.done(hour));
        const count = (name: string): number => Number(fields[name] ?? 0);
        const [byController, byDeadline] = [count('controller'), count('deadline')];
        return { fromMs: hour * hourMs, renewed: count('renewed'), failed: count('failed'), byController, byDeadline };
      }),
    );
  }

  /** The renewals of a lane's issuer in the last hours, ending with the current one. */
  async ofIssuer(lane: string, hours: number): Promise<IssuerHistory> {
    const [redis, keys, nowMs] = [this.#redis, this.#keys, this.#clock.now()];
    return await readIssuerHistory({ redis, keys, nowMs }, lane, hours);
  }

  async #write({ node, hour, args }: { node: string; hour: number; args: readonly string[] }): Promise<void> {
    const keys = {
      history: this.#keys.history(node),
      volumes: this.#keys.volumes(node),
      counters: this.#keys.done(hour),
      ofIssuers: this.#keys.doneByIssuer(hour),
    };
    await recordScript.run(this.#redis, { keys, args: { lifetimeMs: countedHours * hourMs }, rest: args });
  }
}

/** The attempt that caused the change; undefined if there was none. */
function attemptRecord(ended: EndedAttempt): AttemptRecord | undefined {
  const { previous, current } = ended;
  if (current.certificate === undefined || current.generation === previous?.generation) return failedAttempt(ended);
  return {
    generation: current.generation,
    attempts: 0,
    atMs: current.certificate.issuedAtMs,
    cause: causeOf(causeNames[current.cause], ended),
    durationMs: current.lastIssuanceMs ?? 0,
  };
}

/** A report does not contain the cause of a failed attempt: if the lane had started the renewal, it was a job. */
function failedAttempt(ended: EndedAttempt): AttemptRecord | undefined {
  const { previous, current, wasStarted } = ended;
  const { failure, certificate, generation } = current;
  if (failure === undefined || failure.attempts <= (previous?.failure?.attempts ?? 0)) return undefined;
  return {
    generation: generation + 1,
    attempts: failure.attempts,
    atMs: failure.atMs,
    cause: certificate === undefined ? 'mount' : causeOf(wasStarted ? 'job' : 'deadline', ended),
    durationMs: current.lastIssuanceMs ?? 0,
    error: failure.message,
  };
}

/** An agent does not know why the controller sent a job. */
function causeOf(reported: IssuanceCause, { previous, wasRequested }: EndedAttempt): IssuanceCause {
  if (reported !== 'job') return reported;
  if (wasRequested) return 'requested';
  return previous?.failure === undefined ? 'job' : 'retry';
}

/** A mount is not a renewal. The certificate of an earlier process of the agent was counted when it was issued. */
function countersOf({ cause, error, durationMs }: AttemptRecord, lane: string): readonly string[] {
  const path = issuancePath(cause);
  if (path === 'mount') return [];
  const ofIssuer = issuerCounters(lane, error === undefined, durationMs).map((field) => `@${field}`);
  return [...(error === undefined ? ['renewed', path] : ['failed']), ...ofIssuer];
}
