import { createHash } from 'node:crypto';
import { redisFault } from '@certfleet/shared/redis-errors.ts';
import type { RedisClient } from './create-redis.ts';

/** A Lua script: runs atomically on the server, by its hash once the server has it. */
export interface LuaScript {
  /** KEYS must list every key that the script touches; on a Cluster all in one hash slot. */
  run(redis: RedisClient, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
}

/** The types of arguments: as Lua values, and as the values of the caller. `number?` is nil for undefined. */
interface ArgValues {
  readonly string: string;
  readonly number: number;
  readonly 'number?': number | undefined;
}

type ArgTypes = Readonly<Record<string, keyof ArgValues>>;

interface ScriptDefinition<Key extends string, Args extends ArgTypes | undefined, Rest extends boolean> {
  /** The names of KEYS, in their order. Each is a local variable of the script, as is each argument. */
  readonly keys: readonly Key[];
  /** The named arguments and their types, in the order of ARGV. */
  readonly args?: Args;
  /** Whether any number of unnamed arguments follows. They begin at ARGV[restAt]. */
  readonly hasRest?: Rest;
  /** Lua functions that the script uses; they can use its keys and arguments. */
  readonly prelude?: readonly string[];
  readonly body: string;
}

type ScriptCall<Key extends string, Args extends ArgTypes | undefined, Rest extends boolean> = {
  readonly keys: Readonly<Record<Key, string>>;
} & (Args extends ArgTypes ? { readonly args: { readonly [Name in keyof Args]: ArgValues[Args[Name]] } } : unknown) &
  (Rest extends true ? { readonly rest: readonly (string | number)[] } : unknown);

/** A Lua script whose keys and arguments have names, on both sides. */
export interface NamedScript<Key extends string, Args extends ArgTypes | undefined, Rest extends boolean> {
  run(redis: RedisClient, call: ScriptCall<Key, Args, Rest>): Promise<unknown>;
}

/**
 * Defines a script with named keys and arguments. The names become local variables of the script, so they must not be
 * keywords of Lua or names of its globals that the script uses.
 */
export function defineScript<
  const Key extends string,
  const Args extends ArgTypes | undefined = undefined,
  const Rest extends boolean = false,
>(definition: ScriptDefinition<Key, Args, Rest>): NamedScript<Key, Args, Rest> {
  const { keys, args = noArgs, hasRest = false, prelude = [], body } = definition;
  const argNames = Object.keys(args);
  const script = luaScript(
    `${header(keys, args)}${hasRest ? `local restAt = ${argNames.length + 1}\n` : ''}${prelude.join('')}${body}`,
  );
  return {
    run: (redis, call: { keys: Readonly<Record<Key, string>>; args?: object; rest?: readonly (string | number)[] }) => {
      const values = (call.args ?? {}) as Readonly<Record<string, string | number | undefined>>;
      const keyValues = keys.map((name) => call.keys[name]);
      const argValues = argNames.map((name) => values[name] ?? '');
      return script.run(redis, keyValues, call.rest === undefined ? argValues : [...argValues, ...call.rest]);
    },
  };
}

/** A prelude with the function nowMs(): the time of the Redis server in milliseconds. Clocks of replicas differ. */
export const serverTime = `
local function nowMs()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end`;

const noArgs: ArgTypes = {};

function header(keys: readonly string[], args: ArgTypes): string {
  const types = Object.entries(args);
  const values = types.map(([, type], i) => (type === 'string' ? `ARGV[${i + 1}]` : `tonumber(ARGV[${i + 1}])`));
  return [
    `local ${keys.join(', ')} = ${keys.map((_, i) => `KEYS[${i + 1}]`).join(', ')}\n`,
    types.length === 0 ? '' : `local ${types.map(([name]) => name).join(', ')} = ${values.join(', ')}\n`,
  ].join('');
}

/**
 * Defines a script with any number of keys; others use `defineScript`. Sends the full source only to a server that does
 * not have the script (new, restarted, or a promoted replica).
 */
export function luaScript(source: string): LuaScript {
  const sha = createHash('sha1').update(source).digest('hex');
  return {
    async run(redis, keys, args) {
      try {
        return await redis.evalsha(sha, keys.length, ...keys, ...args);
      } catch (error) {
        if (redisFault(error) !== 'no-script') throw error;
        return await redis.eval(source, keys.length, ...keys, ...args);
      }
    },
  };
}
