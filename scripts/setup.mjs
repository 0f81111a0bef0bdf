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
      wanted.optional ||
      (wanted.link ? existsSync(join(root, path)) : installed[path]?.version === wanted.version),
  );
}

if (!upToDate()) {
  console.log('installing npm packages (about a minute on a new machine)');
  // Not `npm ci`: newer versions reject a lock file without optional packages of other platforms, and private
  // registries often lack those. The versions still come from the lock file, and --no-save keeps it unchanged.
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status } = run('npm', args);
  if (status !== 0) {
    console.error('npm install failed; see its message above');
    process.exit(status ?? 1);
  }
  if (!starts() && canInstall()) {
    console.log('installing libatomic1, which Node 26 needs and a minimal Debian lacks');
    run('apt-get', ['update', '-qq']);
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'libatomic1']);
  }
  if (!starts()) {
    console.error('The Node of the npm packages does not start. It needs libatomic.');
    console.error('On Debian and Ubuntu, install it as root: apt-get install libatomic1');
    process.exit(1);
  }
}

function starts() {
  return run(join(root, 'node_modules/.bin/node'), ['--version'], 'ignore').status === 0;
}

function canInstall() {
  return process.getuid?.() === 0 && run('apt-get', ['--version'], 'ignore').status === 0;
}

function run(program, args, stdio = 'inherit') {
  return spawnSync(program, args, { cwd: root, stdio });
}
