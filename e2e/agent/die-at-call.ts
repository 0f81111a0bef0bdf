// Preloaded into an agent by tests: sends SIGKILL before a chosen call on files or mounts. The countdown starts when
// the file in CERTFLEET_TEST_FUSE appears, which contains the number.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname } from 'node:path';

const fuse = process.env['CERTFLEET_TEST_FUSE'] ?? '';
const isLit = fs.existsSync.bind(fs);
const readFuse = fs.readFileSync.bind(fs);
/** Calls on these paths and on file descriptors count; Node's own loading does not. */
const places = [dirname(fuse), '/proc/self/'];
/** All modifying calls, and the open before each mount call. */
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
  // The signal is delivered when the call returns; no further code may run even if this thread briefly continues.
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
