import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { InlineVolume } from '@certfleet/csi-client/csi-client.ts';

/** The payload directory is named after the time of issuance, which is also its mtime. */
const payloadName = '..2026_11_24_02_22_15.3413110033';

/** Writes the files of a volume with a self-signed certificate, and when csi-driver would renew it. */
export function createCertificate(directory: string, commonName: string): void {
  mkdirSync(directory, { recursive: true });
  const [certificate, key] = [join(directory, 'tls.crt'), join(directory, 'tls.key')];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '1'];
  execFileSync('openssl', [...request, '-subj', `/CN=${commonName}`, '-keyout', key, '-out', certificate], {
    stdio: 'ignore',
  });
  copyFileSync(certificate, join(directory, 'ca.crt'));
  writeFileSync(join(directory, 'next-issuance'), new Date(Date.now() + 12 * 3_600_000).toISOString());
}

/** The data directory that cert-manager's csi-driver leaves on a host after it is uninstalled. */
export class UpstreamDirectory {
  readonly path: string;
  readonly #scratch: string;

  /** Mounts its tmpfs below the directory. */
  constructor(parent: string) {
    this.path = join(parent, 'cert-manager-csi-driver');
    this.#scratch = join(parent, 'peer-keys');
    mkdirSync(this.#scratch);
    mkdirSync(join(this.path, 'inmemfs'), { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(this.path, 'inmemfs')]);
  }

  directoryOf(volumeId: string): string {
    return join(this.path, 'inmemfs', volumeId);
  }

  /** A volume with a certificate of another CA, which that driver would have renewed at the given time. */
  layOut({ volumeId, targetPath, volumeContext }: InlineVolume, nextIssuanceTime: Date): void {
    const directory = this.directoryOf(volumeId);
    const data = join(directory, 'data');
    mkdirSync(join(data, payloadName), { recursive: true });
    createCertificate(this.#scratch, 'peer');
    for (const name of ['tls.crt', 'tls.key', 'ca.crt']) {
      writeFileSync(join(data, payloadName, name), readFileSync(join(this.#scratch, name)), { mode: 0o440 });
      symlinkSync(`..data/${name}`, join(data, name));
    }
    symlinkSync(payloadName, join(data, '..data'));
    const issuedAt = new Date(nextIssuanceTime.getTime() - 3_600_000);
    utimesSync(join(data, payloadName), issuedAt, issuedAt);
    chmodSync(data, 0o550);
    chmodSync(directory, 0o644);
    const metadata = { volumeID: volumeId, targetPath, nextIssuanceTime, volumeContext };
    writeFileSync(join(directory, 'metadata.json'), JSON.stringify(metadata), { mode: 0o600 });
  }

  /** Bind-mounts the volume into its pod, read-only, as that driver does. */
  mount({ volumeId, targetPath }: InlineVolume): void {
    mkdirSync(targetPath, { recursive: true });
    execFileSync('mount', ['--bind', join(this.directoryOf(volumeId), 'data'), targetPath]);
    execFileSync('mount', ['-o', 'remount,bind,ro', targetPath]);
  }

  /** All files of a directory with modes and contents, as one comparable text. */
  fingerprint(volumeId: string): string {
    const root = this.directoryOf(volumeId);
    const entries = readdirSync(root, { recursive: true, withFileTypes: true }).map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const content = entry.isFile() ? readFileSync(path, 'base64') : '';
      return `${path} ${entry.isSymbolicLink() ? 'link' : statSync(path).mode.toString(8)} ${content}`;
    });
    return entries.sort().join('\n');
  }
}
