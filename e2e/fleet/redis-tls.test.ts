// TLS trust of the controller's and the agents' clients, and their current client certificates, on a real server.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Cluster, Redis } from 'ioredis';
import { openRedis } from '../../apps/node-agent/src/fleet/redis-client.ts';
import { createRedis, nodeEndpoint } from '../../apps/renewal-controller/src/redis/create-redis.ts';
import type { RedisConfig } from '../../apps/renewal-controller/src/redis/create-redis.ts';
import { freePort, startRedisServer } from '../support/redis-server.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { TestAuthority } from '../support/test-authority.ts';
import type { CertificateFiles } from '../support/test-authority.ts';

let directory: string;
let authority: TestAuthority;
let stranger: TestAuthority;
let client: CertificateFiles;
let server: RedisServer;
let good: RedisConfig;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'certfleet-tls-'));
  authority = new TestAuthority(directory);
  stranger = new TestAuthority(directory, 'stranger');
  client = authority.issue('client', 'DNS:client');
  const pair = authority.issue('server', 'DNS:redis.internal');
  const port = await freePort();
  const files = ['--tls-cert-file', pair.certificateFile, '--tls-key-file', pair.keyFile];
  const trust = ['--tls-ca-cert-file', authority.files.certificateFile, '--tls-auth-clients', 'yes'];
  server = await startRedisServer({ port, args: ['--port', '0', '--tls-port', `${port}`, ...files, ...trust] });
  good = {
    url: `rediss://127.0.0.1:${port}`,
    caFile: authority.files.certificateFile,
    serverName: 'redis.internal',
    ...client,
  };
});

after(async () => {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** The clients of both programs with the same configuration. */
const clients: Readonly<Record<string, (config: RedisConfig) => Redis | Cluster>> = {
  'the controller': (config) => createRedis(config, 'worker', 'test'),
  'an agent': (config) => {
    const node = { url: undefined, sentinelUsername: undefined, sentinelPasswordFile: undefined };
    const connection = JSON.stringify(nodeEndpoint(config, node));
    const { certificateFile, keyFile } = config;
    const access = { connection, username: '', password: '', expiresAt: undefined, queue: '', prefix: '' };
    return openRedis(
      access,
      certificateFile === undefined || keyFile === undefined ? undefined : { certificateFile, keyFile },
    );
  },
};

/** The result of the first attempt: `ready`, or the code or text of the error. */
async function firstAttempt(redis: Redis | Cluster): Promise<string> {
  try {
    return await new Promise((resolve) => {
      redis.once('ready', () => resolve('ready'));
      redis.on('error', (error: Error & { code?: string }) => resolve(error.code ?? error.message));
    });
  } finally {
    redis.disconnect();
  }
}

describe('connections to a Redis with TLS', () => {
  for (const [who, open] of Object.entries(clients)) {
    test(`${who} only connects to a server with the right CA and name`, async () => {
      const { certificateFile, keyFile, ...withoutCertificate } = good;
      assert.ok(certificateFile !== undefined && keyFile !== undefined);
      const { serverName, ...withoutName } = good;
      assert.ok(serverName !== undefined);
      assert.equal(await firstAttempt(open(good)), 'ready');
      assert.match(
        await firstAttempt(open({ ...good, caFile: stranger.files.certificateFile })),
        /SIGNATURE|SELF_SIGNED|UNABLE/,
      );
      assert.equal(await firstAttempt(open(withoutName)), 'ERR_TLS_CERT_ALTNAME_INVALID');
      assert.match(
        await firstAttempt(open(withoutCertificate)),
        /CERTIFICATE_REQUIRED|ECONNRESET|Connection is closed/,
      );
      assert.match(
        await firstAttempt(open({ ...good, ...stranger.issue('forged', 'DNS:client') })),
        /UNKNOWN_CA|ECONNRESET|ALERT/,
      );
    });

    test(`${who} uses a renewed certificate for the next connection, and never an incomplete one`, async () => {
      const files = authority.issue(`rotating-${who.replace(' ', '-')}`, 'DNS:first');
      const redis = open({ ...good, ...files });
      try {
        await new Promise((resolve) => redis.once('ready', resolve));
        // Issued by a CA unknown to the server: the refusal proves that the new certificate was sent.
        stranger.issue(`rotating-${who.replace(' ', '-')}`, 'DNS:second');
        const refused = new Promise<Error>((resolve) => redis.once('error', resolve));
        await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no').catch(() => undefined);
        assert.match((await refused).message, /unknown ca|ECONNRESET/i);
        authority.issue(`rotating-${who.replace(' ', '-')}`, 'DNS:third');
        await new Promise((resolve) => redis.once('ready', resolve));
        rmSync(files.keyFile);
        await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no').catch(() => undefined);
        await new Promise((resolve) => redis.once('ready', resolve));
        assert.equal(await redis.ping(), 'PONG');
      } finally {
        redis.disconnect();
      }
    });
  }
});
