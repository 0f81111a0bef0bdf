// Preloaded into an agent by tests: kills it before a chosen one of its calls on files and mounts, as SIGKILL at exactly
// that step. The countdown starts when the file that CERTFLEET_TEST_FUSE names appears, with the number in it.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname } from 'node:path';

const fuse = process.env['CERTFLEET_TEST_FUSE'] ?? '';
const isLit = fs.existsSync.bind(fs);
const readFuse = fs.readFileSync.bind(fs);
/** Calls on these paths count, and those on descriptors; what Node itself loads does not. */
const places = [dirname(fuse), '/proc/self/'];
/** All that changes something, and the opening that comes before each mount call. */
const steps = [
  'chmodSync',
  'chownSync',
  'fchmodSync',
  'fchownSync',
  'fsyncSync',
  'mkdirSync',
  'openSync',
  'renameSync',
  'rmSync',
  'rmdirSync',
  'symlinkSync',
  'unlinkSync',
  'writeFileSync',
] as const;
let left: number | undefined;

function step(): void {
  if (left === undefined) {
    if (!isLit(fuse)) return;
    left = Number(readFuse(fuse, 'utf8'));
  }
  if (left-- > 0) return;
  process.kill(process.pid, 'SIGKILL');
  // The signal is there when the call returns; nothing after it may run even if this thread should outlive it briefly.
  for (;;);
}

const calls = fs as unknown as Record<string, (...values: unknown[]) => unknown>;
for (const name of steps) {
  const original = calls[name];
  if (original === undefined) throw new Error(`expected fs.${name}`);
  calls[name] = (...values) => {
    const isOurs = (value: unknown): boolean =>
      typeof value === 'number' || (typeof value === 'string' && places.some((place) => value.startsWith(place)));
    if (isOurs(values[0]) || isOurs(values[1])) step();
    return original(...values);
  };
}
syncBuiltinESMExports();
