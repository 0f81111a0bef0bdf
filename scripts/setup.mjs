// Installs the npm packages when they are missing or out of date. Plain JavaScript, because it runs on any Node version
// of the machine; later steps run on the Node from the packages.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const readLock = (path) => JSON.parse(readFileSync(join(root, path), 'utf8')).packages;

function upToDate() {
  if (!existsSync(join(root, 'node_modules/.package-lock.json'))) return false;
  const installed = readLock('node_modules/.package-lock.json');
  return Object.entries(readLock('package-lock.json')).every(
    ([path, wanted]) =>
      // Workspaces are only in the root lock file; packages for other platforms are not installed.
      !path.startsWith('node_modules/') ||
      wanted.link ||
      wanted.optional ||
      installed[path]?.version === wanted.version,
  );
}

if (!upToDate()) {
  console.log('installing npm packages (about a minute on a new machine)');
  // Not `npm ci`: newer versions reject a lock file without optional packages of other platforms, and private
  // registries often lack those. The versions still come from the lock file, and --no-save keeps it unchanged.
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status } = spawnSync('npm', args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) {
    console.error('npm install failed; see its message above');
    process.exit(status ?? 1);
  }
}
