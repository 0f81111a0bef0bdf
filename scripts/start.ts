// `npm start`: certfleet on one machine without Kubernetes. Runs itself again in new mount and process namespaces,
// where mounting needs no root, then starts single-machine/demo.ts. The kernel removes all mounts and processes with
// the namespaces.
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ensureHostPackages } from '../e2e/tools/host-packages.ts';

const root = resolve(import.meta.dirname, '..');
const namespaces = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc'];
// As root of its own user namespace an unprivileged user may mount.
const asUser = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];

const probe = spawnSync('unshare', [...asUser, ...namespaces, 'true'], { encoding: 'utf8' });
if (probe.status !== 0) {
  console.error(`mounting is not permitted: ${(probe.error?.message ?? probe.stderr).trim()}`);
  console.error('run it as root (sudo npm start), or allow user namespaces: sysctl kernel.unprivileged_userns_clone=1');
  process.exit(1);
}

// Without Redis the agent renews at its fallback deadline; a user who cannot install it still gets a demo.
await ensureHostPackages(console.log, ['redis-server']).catch((error: unknown) => {
  console.log(
    `no redis-server, so the demo runs without a controller: ${error instanceof Error ? error.message : String(error)}`,
  );
});

const generated = spawnSync('npm', ['run', '--silent', 'generate', '--', '--output-logs=errors-only'], {
  cwd: root,
  stdio: 'inherit',
});
if (generated.status !== 0) process.exit(generated.status ?? 1);

// The dashboard that the controller serves; everything else works without it.
const page = ['run', '--silent', 'build', '--', '--filter=@certfleet/dashboard', '--output-logs=errors-only'];
if (spawnSync('npm', page, { cwd: root, stdio: 'inherit' }).status !== 0)
  console.log('the dashboard could not be built');

// Installed before anything needs clean-up, so that a signal never reaches the default handler.
const running: ChildProcess[] = [];
// Ctrl-C, the stop of a service manager, and the end of the terminal.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => running.forEach(stopDemo));
// The terminal may be gone; a failed write must not stop the clean-up.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

const scratch = mkdtempSync(join(tmpdir(), 'certfleet-'));
const demo = join(root, 'scripts/single-machine/demo.ts');
const inner = spawn('unshare', [...asUser, ...namespaces, process.execPath, demo, scratch], {
  cwd: root,
  // Its own session: a terminal signal would end unshare, and with it the demo, before the clean-up. The demo ends when
  // its input closes, that is with this process.
  detached: true,
  stdio: ['pipe', 'inherit', 'inherit'],
});
running.push(inner);
inner.on('exit', (code) => {
  rmSync(scratch, { recursive: true, force: true });
  process.exit(code ?? 1);
});

/** Asks the demo to clean up by closing its input: unshare does not forward signals. */
function stopDemo(child: ChildProcess): void {
  child.stdin?.end();
}
