import { constants } from 'node:fs';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { run } from '../command.ts';

/** A local file that a build step sees at a path of its image. */
export interface BuildMount {
  readonly source: string;
  readonly destination: string;
}

/** Both files exist in the Node base image, so that mounting over them leaves no trace in a layer. */
const npmrcInImage = '/usr/local/etc/npmrc';
const trustInImage = '/etc/ssl/certs/ca-certificates.crt';

const settings = ['registry', 'proxy', 'https-proxy', 'noproxy', 'strict-ssl'] as const;

/**
 * Passes this machine's npm settings to builds: registry, proxy, credentials and trusted CAs. `npm ci` in a Dockerfile
 * then works as outside, without changes to the Dockerfile.
 */
export async function npmSettings(directory: string): Promise<readonly BuildMount[]> {
  const configured = JSON.parse((await run(['npm', 'config', 'list', '--json'], { cwd: directory })).stdout) as Record<
    string,
    unknown
  >;
  const lines = settings.flatMap((name) => {
    const value = configured[name];
    const isSet = typeof value === 'string' || typeof value === 'boolean';
    return isSet && value !== '' ? [`${name}=${value}`] : [];
  });
  const mounts: BuildMount[] = [];
  const trust = await trustedAuthorities(configured['cafile']);
  if (trust !== null) {
    lines.push(`cafile=${trustInImage}`);
    mounts.push({ source: trust, destination: trustInImage });
  }
  // npm does not print credentials, so they are read from the file.
  const userConfig = configured['userconfig'];
  if (typeof userConfig === 'string') lines.push(...(await credentialLines(userConfig)));
  const npmrc = join(directory, 'npmrc');
  await writeFile(npmrc, `${lines.join('\n')}\n`, { mode: 0o600 });
  return [...mounts, { source: npmrc, destination: npmrcInImage }];
}

async function credentialLines(npmrc: string): Promise<string[]> {
  const content = await readFile(npmrc, 'utf8').catch(() => '');
  return content.split('\n').filter((line) => line.startsWith('//'));
}

async function trustedAuthorities(cafile: unknown): Promise<string | null> {
  const candidates = [cafile, process.env['NODE_EXTRA_CA_CERTS'], process.env['SSL_CERT_FILE'], trustInImage];
  for (const candidate of candidates) {
    if (typeof candidate !== 'string' || candidate === '') continue;
    const readable = await access(candidate, constants.R_OK).then(
      () => true,
      () => false,
    );
    if (readable) return candidate;
  }
  return null;
}
