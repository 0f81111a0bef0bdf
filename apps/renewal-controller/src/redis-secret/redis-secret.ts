import { randomInt, randomUUID } from 'node:crypto';
import { getObject } from '@certfleet/shared/kube/get-object.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { ApiResource } from '@certfleet/shared/kube/api-resource.ts';

const secrets: ApiResource = { group: '', version: 'v1', plural: 'secrets' };

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** 48 characters of 62: 285 bits. */
const passwordLength = 48;

export interface RedisSecret {
  readonly client: Pick<KubeClient, 'request'>;
  readonly namespace: string;
  readonly name: string;
}

/**
 * Returns the password in the Secret and creates the Secret if it does not exist. Only the creation uses a server-side
 * apply: unlike a POST, its right can be limited to one name.
 * @throws CertfleetError failed-precondition when the Secret exists without a usable password
 */
export async function ensureRedisPassword(secret: RedisSecret): Promise<string> {
  const existing = await readPassword(secret);
  if (existing !== undefined) return existing;
  await create(secret);
  const created = await readPassword(secret);
  if (created !== undefined) return created;
  throw new CertfleetError('aborted', `the Secret ${nameOf(secret)} was deleted while it was created`);
}

/** The line of Redis' configuration that sets the password of the default user. */
export function authConfig(password: string): string {
  return `requirepass ${password}\n`;
}

async function readPassword(secret: RedisSecret): Promise<string | undefined> {
  const { client, namespace, name } = secret;
  const found = await getObject(client, { resource: secrets, namespace, name });
  if (found === undefined) return undefined;
  const encoded = (found as { data?: Readonly<Record<string, string>> | null }).data?.['password'] ?? '';
  const password = Buffer.from(encoded, 'base64').toString();
  // It becomes a line of a configuration file: a space, a quote or a line end would change the file's meaning.
  if (/^[!#-&(-[\]-~]{1,512}$/.test(password)) return password;
  throw new CertfleetError(
    'failed-precondition',
    `Secret ${nameOf(secret)}: expected the key password with 1 to 512 printable ASCII characters without spaces, quotes and backslashes; correct it, or delete the Secret to get a new password`,
  );
}

async function create(secret: RedisSecret): Promise<void> {
  const { client, namespace, name } = secret;
  const password = Array.from({ length: passwordLength }, () => alphabet[randomInt(alphabet.length)]).join('');
  const data = { password, 'auth.conf': authConfig(password) };
  try {
    await client.request({
      verb: 'apply',
      resource: secrets,
      namespace,
      name,
      // A manager of its own for each call, without force: the fields of a Secret that was created meanwhile have another
      // manager, so the API server refuses to replace its password.
      query: { fieldManager: `certfleet-redis-secret-${randomUUID()}`, force: 'false' },
      body: {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace, labels: { 'app.kubernetes.io/name': name } },
        type: 'Opaque',
        data: Object.fromEntries(
          Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
        ),
      },
    });
  } catch (thrown) {
    const error = asCertfleetError(thrown);
    // Conflict: another call created it first.
    if (error.code !== 'aborted') throw error;
  }
}

const nameOf = ({ namespace, name }: RedisSecret): string => `${namespace}/${name}`;
