// Three volumes on this machine, published as the kubelet would, and renewed while you watch. Ctrl-C cleans up. Takes the
// scratch directory as its argument; start.ts removes it when this process, and with it every mount, has gone.
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { CsiClient, inlineVolume } from '../../libs/csi-client/src/csi-client.ts';
import type { InlineVolume } from '../../libs/csi-client/src/csi-client.ts';
import { AgentProcess } from './agent-process.ts';

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

/** Says so each time the volume's files are swapped. */
function watchRenewals(podName: string, volume: InlineVolume): void {
  let serial = new X509Certificate(readFileSync(join(volume.targetPath, 'tls.crt'))).serialNumber;
  const watcher = watch(volume.targetPath, () => {
    if (isEnding) {
      watcher.close();
      return;
    }
    const current = new X509Certificate(readFileSync(join(volume.targetPath, 'tls.crt'))).serialNumber;
    if (current === serial) return;
    serial = current;
    say(`renewed    ${podName.padEnd(9)} ${describe(volume)}`);
  });
}

let isEnding = false;
const agent = new AgentProcess(scratch, (line) => say(line));
const client = new CsiClient(agent.socketPath);

async function run(): Promise<void> {
  say('starting the node agent with a CA of this machine');
  await client.ready(30_000);
  for (const { podName, volume } of volumes) {
    await client.publish(volume);
    say(`published  ${podName.padEnd(9)} ${describe(volume)}`);
    for (const name of readdirSync(volume.targetPath).filter((entry) => !entry.startsWith('..'))) {
      const path = join(volume.targetPath, name);
      say(`           ${path}  ${statSync(path).size} bytes, mode ${(statSync(path).mode & 0o777).toString(8)}`);
    }
    watchRenewals(podName, volume);
  }
  say('each volume is renewed after two thirds of its lifetime; Ctrl-C ends and cleans up');
}

async function cleanUp(): Promise<void> {
  for (const { volume } of volumes) await client.unpublish(volume);
  client.close();
  await agent.stop();
}

function end(exitCode: number): void {
  if (isEnding) return;
  isEnding = true;
  say('cleaning up');
  cleanUp().then(
    () => process.exit(exitCode),
    (thrown: unknown) => {
      console.error(thrown);
      process.exit(1);
    },
  );
}
process.on('SIGINT', () => end(0));
process.on('SIGTERM', () => end(0));
void agent.ended.then(() => {
  if (!isEnding) process.exit(1);
});
run().catch((thrown: unknown) => {
  console.error(thrown);
  end(1);
});
