// Publishes three volumes on this machine like the kubelet and renews them through the controller. Ends and cleans up
// when its input closes. The argument is the scratch directory; start.ts removes it after this process and all its
// mounts are gone.
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CsiClient, inlineVolume } from '../../libs/csi-client/src/csi-client.ts';
import type { InlineVolume } from '../../libs/csi-client/src/csi-client.ts';
import { startServices } from './services.ts';

const [scratch] = process.argv.slice(2);
if (scratch === undefined) throw new Error('expected a scratch directory; use npm start');
const attributes = (own: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries({ 'issuer-name': 'local-ca', 'dns-names': '${POD_NAME}.${POD_NAMESPACE}.svc', ...own }).map(
      ([name, value]) => [`csi.cert-manager.io/${name}`, value],
    ),
  );
const pods: Readonly<Record<string, Record<string, string>>> = {
  web: { 'key-algorithm': 'ECDSA', duration: '15s' },
  database: { 'key-algorithm': 'RSA', duration: '24s', 'reuse-private-key': 'true' },
  broker: { 'key-algorithm': 'Ed25519', duration: '36s', 'pkcs12-enable': 'true', 'pkcs12-password': 'changeit' },
};
const volumes = Object.entries(pods).map(([podName, own]) => ({
  podName,
  volume: inlineVolume({
    podName,
    namespace: 'demo',
    targetPath: join(scratch, 'pods', podName),
    attributes: attributes(own),
  }),
}));

const say = (line: string): void => console.log(`${new Date().toTimeString().slice(0, 8)}  ${line}`);

function describe({ targetPath }: InlineVolume): string {
  const certificate = new X509Certificate(readFileSync(join(targetPath, 'tls.crt')));
  const secondsLeft = Math.round((certificate.validToDate.getTime() - Date.now()) / 1000);
  return `${certificate.subjectAltName ?? ''}  serial ${certificate.serialNumber.slice(0, 12)}…  expires in ${secondsLeft} s`;
}

const cleanUpTimeoutMs = 20_000;
let isEnding = false;
const paths: Readonly<Record<string, string>> = {
  job: 'by a job of the controller',
  deadline: "at the agent's fallback deadline",
};
const services = await startServices(scratch, {
  onWarning: say,
  // The files are swapped before the agent logs it, so the output shows the files that the pod reads.
  onIssued: (pod, cause) => {
    const found = volumes.find(({ podName }) => podName === pod);
    const path = paths[cause];
    if (found === undefined || path === undefined || isEnding) return;
    say(`renewed    ${pod.padEnd(9)} ${describe(found.volume)}  ${path}`);
  },
});
const client = new CsiClient(services.csiSocketPath);

async function run(): Promise<void> {
  say('starting the node agent with a local CA');
  if (services.apiUrl === undefined) say('no redis-server on this machine: the agent runs without a controller');
  else {
    say(`starting redis-server and the controller; dashboard: ${services.apiUrl}`);
    say(`or try: npx certfleet list --server ${services.apiUrl}`);
  }
  await client.ready(30_000);
  for (const { podName, volume } of volumes) {
    await client.publish(volume);
    say(`published  ${podName.padEnd(9)} ${describe(volume)}`);
    for (const name of readdirSync(volume.targetPath).filter((entry) => !entry.startsWith('..'))) {
      const path = join(volume.targetPath, name);
      say(`           ${path}  ${statSync(path).size} bytes, mode ${(statSync(path).mode & 0o777).toString(8)}`);
    }
  }
  say('each volume is renewed after two thirds of its lifetime; Ctrl-C stops and cleans up');
}

async function cleanUp(): Promise<void> {
  for (const { volume } of volumes) await client.unpublish(volume);
  client.close();
  await services.stop();
}

function end(exitCode: number): void {
  if (isEnding) return;
  isEnding = true;
  say('cleaning up');
  // If the clean-up hangs, the kernel ends every process and mount of these namespaces with this process.
  setTimeout(() => process.exit(1), cleanUpTimeoutMs).unref();
  cleanUp().then(
    () => process.exit(exitCode),
    (thrown: unknown) => {
      console.error(thrown);
      process.exit(1);
    },
  );
}
// start.ts closes the input on Ctrl-C, SIGTERM and SIGHUP; the kernel does if start.ts was killed.
process.stdin.on('end', () => end(0)).resume();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(0));
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
void services.ended.then((name) => {
  if (isEnding) return;
  // Without the controller, the output would show the agent's own renewals as the controller's.
  say(`${name} has exited, see the lines above; stopping the demo`);
  end(1);
});
run().catch((thrown: unknown) => {
  console.error(thrown);
  end(1);
});
