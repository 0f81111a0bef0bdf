// `npm run soak -- --minutes 60 [--seed N] [--world agent|fleet]`: searches for bugs for the given time. `agent` is the
// deterministic simulation of one node, `fleet` a controller with replicas, a real redis-server and random faults.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const root = join(import.meta.dirname, '..');
const worlds: Readonly<Record<string, string>> = {
  agent: 'e2e/node-simulation/main.ts',
  fleet: 'e2e/fleet/chaos/main.ts',
};

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string' },
    world: { type: 'string', default: 'agent' },
  },
});
const program = worlds[values.world];
if (program === undefined) {
  console.error(`--world: expected ${Object.keys(worlds).join(' or ')}, found ${values.world}`);
  process.exit(2);
}
const seed = values.seed === undefined ? [] : ['--seed', values.seed];
const { status } = spawnSync(process.execPath, [join(root, program), '--minutes', values.minutes, ...seed], {
  cwd: root,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
