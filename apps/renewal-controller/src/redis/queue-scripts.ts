import { queueScript, queueScriptNames } from '@certfleet/shared/queue-scripts.ts';
import type { QueueScript } from '@certfleet/shared/queue-scripts.ts';
// A static import, because the image contains one bundle and no packages. BullMQ does not export its scripts.
import bullScripts from 'bullmq/dist/cjs/scripts/index.js';
import type { Redis } from 'ioredis';

/**
 * The scripts that agents run on their queues: those of this BullMQ version, each behind a guard. Agents use the same
 * version and call the scripts by hash.
 */
export const queueScripts: readonly QueueScript[] = queueScriptNames.map((name) => {
  const script = queueScript(name, bullScripts[name]?.content ?? '');
  if (script === undefined || bullScripts[name] === undefined)
    throw new Error(`BullMQ has no script ${name}: the version is not supported`);
  return script;
});

/** Loads the scripts that a server lacks, because it is new, was restarted, or its scripts were flushed. */
export async function loadQueueScripts(server: Redis): Promise<void> {
  const known = (await server.script('EXISTS', ...queueScripts.map(({ sha }) => sha))) as readonly number[];
  const missing = queueScripts.filter((_, i) => known[i] !== 1);
  await Promise.all(missing.map(({ source }) => server.script('LOAD', source)));
}
