import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Debian packages that the end-to-end tests use, with their purpose. */
const hostPackages: Readonly<Record<string, string>> = {
  buildah: 'builds images',
  'busybox-static': 'the shell of the test image',
  'ca-certificates': 'trust for image builds',
  chromium: 'the page in a browser, for the benchmarks',
  'chromium-headless-shell': 'the page in a browser',
  conntrack: 'used by kube-proxy',
  'containernetworking-plugins': 'the pod network',
  curl: 'checks components for readiness',
  'docker-compose': 'starts docker-compose.test.yml',
  'docker-registry': "the registry for pods' images",
  'docker.io': 'runs the services of docker-compose',
  iproute2: 'sets up network namespaces',
  iptables: 'used by kube-proxy and by the pod network',
  libfaketime: 'shifts the clock of an agent',
  mmdebstrap: 'builds the base of Node images',
  mount: 'used by the kubelet',
  openssl: 'creates the cluster certificates; verifies ours',
  prometheus: 'promtool, which checks rules and metrics',
  'redis-server': 'the queue',
  runc: 'runs the containers of pods',
  socat: 'forwards ports of a cluster',
  'util-linux': 'nsenter, unshare and flock',
};

/** The missing packages; all of them without dpkg. */
async function missingHostPackages(names: readonly string[] = Object.keys(hostPackages)): Promise<string[]> {
  // dpkg-query fails when it does not know one of the names, but still prints the others.
  const output = await run('dpkg-query', [
    '--show',
    '--showformat',
    '${Package} ${db:Status-Status}\\n',
    ...names,
  ]).then(
    ({ stdout }) => stdout,
    (error: unknown) => (error instanceof Error && 'stdout' in error ? String(error.stdout) : ''),
  );
  const installed = new Set(
    output.split('\n').flatMap((line) => (line.endsWith(' installed') ? [line.split(' ')[0]] : [])),
  );
  return names.filter((name) => !installed.has(name));
}

/** Installs missing packages as root on Debian; otherwise throws with the list of what to install. */
export async function ensureHostPackages(
  log: (line: string) => void,
  names: readonly string[] = Object.keys(hostPackages),
): Promise<void> {
  const missing = await missingHostPackages(names);
  if (missing.length === 0) return;
  const command = ['apt-get', 'install', '--yes', '--no-install-recommends', ...missing];
  const hasApt = await run('apt-get', ['--version']).then(
    () => true,
    () => false,
  );
  if (process.getuid?.() !== 0 || !hasApt) {
    const why = missing.map((name) => `  ${name}: ${hostPackages[name] ?? ''}`).join('\n');
    throw new Error(
      `these Debian packages are missing:\n${why}\non Debian install them with: sudo ${command.join(' ')}`,
    );
  }
  log(`installing Debian packages: ${missing.join(' ')}`);
  // Waits for another apt instead of failing.
  const lockWait = ['-o', 'DPkg::Lock::Timeout=300'];
  await apt(['update', ...lockWait]);
  await apt([...command.slice(1), ...lockWait]);
}

async function apt(args: readonly string[]): Promise<void> {
  const child = spawn('apt-get', ['--quiet=2', ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`apt-get ${args.join(' ')} ended with ${String(code)}`);
}
