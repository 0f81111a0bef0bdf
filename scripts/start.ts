// The main job on one machine without Kubernetes: `npm start`. Runs itself again in mount and process namespaces of its
// own, where mounting needs no root, then hands over to single-machine/demo.ts. However it ends, the kernel takes the
// mounts and the processes with the namespaces.
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ensureHostPackages } from '../e2e/tools/host-packages.ts';

const root = resolve(import.meta.dirname, '..');
const namespaces = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc'];
// As root of a user namespace of its own an ordinary user may mount.
const asUser = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];

const probe = spawnSync('unshare', [...asUser, ...namespaces, 'true'], { encoding: 'utf8' });
if (probe.status !== 0) {
  console.error(`expected to be allowed to mount, found: ${(probe.error?.message ?? probe.stderr).trim()}`);
  console.error('run it as root (sudo npm start), or allow user namespaces: sysctl kernel.unprivileged_userns_clone=1');
  process.exit(1);
}

// Without Redis the agent renews on its own deadline, so a user who may not install it sees that instead.
await ensureHostPackages(console.log, ['redis-server']).catch((error: unknown) => {
  console.log(`no redis-server, so no controller either: ${error instanceof Error ? error.message : String(error)}`);
});

const generated = spawnSync('npm', ['run', '--silent', 'generate', '--', '--output-logs=errors-only'], {
  cwd: root,
  stdio: 'inherit',
});
if (generated.status !== 0) process.exit(generated.status ?? 1);

// The operators' page, which the controller serves; without it everything else works.
const page = ['run', '--silent', 'build', '--', '--filter=@certfleet/dashboard', '--output-logs=errors-only'];
if (spawnSync('npm', page, { cwd: root, stdio: 'inherit' }).status !== 0) console.log('the page could not be built');

// Before there is anything to clean up: a signal must not find the default handler once there is.
const running: ChildProcess[] = [];
// Ctrl-C, a service manager's stop, and the end of the terminal.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => running.forEach(stopDemo));
// The terminal may be gone; what cannot be shown must not end the cleaning up.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

const scratch = mkdtempSync(join(tmpdir(), 'certfleet-'));
const demo = join(root, 'scripts/single-machine/demo.ts');
const inner = spawn('unshare', [...asUser, ...namespaces, process.execPath, demo, scratch], {
  cwd: root,
  // A session of its own: a signal of the terminal ends unshare, and with it the demo, before it has cleaned up. The demo
  // ends when its input does, that is with this process.
  detached: true,
  stdio: ['pipe', 'inherit', 'inherit'],
});
running.push(inner);
inner.on('exit', (code) => {
  rmSync(scratch, { recursive: true, force: true });
  process.exit(code ?? 1);
});

/** Asks the demo to clean up and end, by the end of its input: unshare passes no signals on. */
function stopDemo(child: ChildProcess): void {
  child.stdin?.end();
}
