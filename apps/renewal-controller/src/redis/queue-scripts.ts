import { queueScript, queueScriptNames } from '@certfleet/shared/queue-scripts.ts';
import type { QueueScript } from '@certfleet/shared/queue-scripts.ts';
// Imported, not required at run time: the image holds one bundle and no packages. BullMQ does not export its scripts.
import bullScripts from 'bullmq/dist/cjs/scripts/index.js';
import type { Redis } from 'ioredis';

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
