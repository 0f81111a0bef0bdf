import { createRequire } from 'node:module';
import { queueScript, queueScriptNames } from '@certfleet/shared/queue-scripts.ts';
import type { QueueScript } from '@certfleet/shared/queue-scripts.ts';
import type { Redis } from 'ioredis';

/** BullMQ ships its scripts as modules that it does not export; what it runs itself are these. */
type BullScripts = Readonly<Record<string, { readonly content: string } | undefined>>;
const bullScripts = createRequire(import.meta.url)('bullmq/dist/cjs/scripts/index.js') as BullScripts;

/**
 * What nodes run on their queues: the scripts of this BullMQ version, each behind a guard. Agents take theirs from the
 * same version, and find here what they ask for by its hash.
 */
export const queueScripts: readonly QueueScript[] = queueScriptNames.map((name) => {
  const script = queueScript(name, bullScripts[name]?.content ?? '');
  if (script === undefined || bullScripts[name] === undefined) throw new Error(`this BullMQ has no script ${name}`);
  return script;
});

/** Loads the scripts that a server does not have: a new one, one that was restarted, or whose scripts were flushed. */
export async function loadQueueScripts(server: Redis): Promise<void> {
  const known = (await server.script('EXISTS', ...queueScripts.map(({ sha }) => sha))) as readonly number[];
  const missing = queueScripts.filter((_, i) => known[i] !== 1);
  await Promise.all(missing.map(({ source }) => server.script('LOAD', source)));
}
