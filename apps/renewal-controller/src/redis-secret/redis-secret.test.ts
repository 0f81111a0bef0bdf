import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ApiRequest } from '@certfleet/shared/kube/api-client.ts';
import { authConfig, ensureRedisPassword } from './redis-secret.ts';

interface StoredSecret {
  readonly data: Readonly<Record<string, string>>;
}

/** One Secret behind the API, and the requests for it. */
class FakeSecrets {
  readonly requests: ApiRequest[] = [];
  stored: StoredSecret | undefined;
  /** Runs before an apply, as another client would. */
  beforeApply: () => void = () => undefined;

  constructor(password?: string) {
    if (password !== undefined) this.stored = { data: { password: Buffer.from(password).toString('base64') } };
  }

  request(request: ApiRequest): Promise<unknown> {
    this.requests.push(request);
    if (request.verb === 'get') {
      return this.stored === undefined
        ? Promise.reject(new CertfleetError('not-found', 'secrets "redis" not found'))
        : Promise.resolve(this.stored);
    }
    this.beforeApply();
    if (this.stored !== undefined) return Promise.reject(new CertfleetError('aborted', 'conflict with "other"'));
    this.stored = request.body as StoredSecret;
    return Promise.resolve(this.stored);
  }
}

const ensure = (client: FakeSecrets): Promise<string> =>
  ensureRedisPassword({ client, namespace: 'cert-manager', name: 'redis' });

describe('ensureRedisPassword', () => {
  test('creates the Secret once, with a random password and the configuration of Redis', async () => {
    const secrets = new FakeSecrets();
    const password = await ensure(secrets);
    assert.match(password, /^[A-Za-z0-9]{48}$/);
    assert.equal(Buffer.from(secrets.stored?.data['auth.conf'] ?? '', 'base64').toString(), authConfig(password));
    assert.equal(await ensure(secrets), password);
    assert.equal(secrets.requests.filter(({ verb }) => verb === 'apply').length, 1);
    assert.notEqual(await ensure(new FakeSecrets()), password);
  });

  test('keeps an existing password', async () => {
    const secrets = new FakeSecrets('of-an-earlier-chart');
    assert.equal(await ensure(secrets), 'of-an-earlier-chart');
    assert.deepEqual(
      secrets.requests.map(({ verb }) => verb),
      ['get'],
    );
  });

  test('uses the password of another client that was faster, and never forces its own', async () => {
    const secrets = new FakeSecrets();
    secrets.beforeApply = () => {
      secrets.stored = new FakeSecrets('of-the-faster-one').stored;
    };
    assert.equal(await ensure(secrets), 'of-the-faster-one');
    assert.equal(secrets.requests.find(({ verb }) => verb === 'apply')?.query?.['force'], 'false');
  });

  for (const password of ['', 'two words', 'a\nuser default off', '"quoted"', "it's", 'back\\slash']) {
    test(`rejects the password ${JSON.stringify(password)} without repeating it`, async () => {
      await assert.rejects(ensure(new FakeSecrets(password)), (error: CertfleetError) => {
        assert.equal(error.code, 'failed-precondition');
        assert.match(error.message, /^Secret cert-manager\/redis: expected the key password/);
        return password === '' || !error.message.includes(password);
      });
    });
  }

  test('reports any other refusal', async () => {
    const client = { request: () => Promise.reject(new CertfleetError('permission-denied', 'secrets is forbidden')) };
    await assert.rejects(ensureRedisPassword({ client, namespace: 'a', name: 'b' }), /secrets is forbidden/);
  });
});
