import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { before, describe, test } from 'node:test';

import { findSecrets, type KnownSecret, type SecretScanText } from '../../support/secret-scan.ts';
import { apiObjects } from '../support/api-objects.ts';
import { readKeptLogs } from '../support/kept-logs.ts';
import type { GetFleet } from './fleet-context.ts';

/** Scans all output of the whole run, except the pods' own files. The last suite. */
export function fleetSecretSuite(context: GetFleet): void {
  describe('no private key, token or password is in', () => {
    let known: readonly KnownSecret[];
    let hashes: ReadonlySet<string>;
    before(async () => {
      const { redis, tokens } = context();
      known = [
        { name: 'password of Redis', value: await redis.password() },
        ...Object.entries(tokens).map(([name, value]) => ({ name: `token of ${name}`, value })),
      ];
      hashes = new Set(await redis.passwordHashes());
      // Of the default user, and of the node's.
      assert.ok(hashes.size >= 2);
    });

    /** Only the agent knows its password; Redis knows the hash. */
    const expectNone = (texts: readonly SecretScanText[]): void => {
      for (const { where, text } of texts) {
        assert.ok(text.length > 0, `nothing to scan in ${where}`);
        const words = new Set(text.split(/[^A-Za-z0-9_-]+/).filter(({ length }) => length >= 40));
        const found = [...words].filter((word) => hashes.has(createHash('sha256').update(word).digest('hex')));
        assert.equal(found.length, 0, `a password of Redis in ${where}`);
      }
      assert.deepEqual(findSecrets(texts, known), []);
    };

    test('the logs of agent, controller and Redis at the highest level', async () => {
      const containers = ['node-agent', 'renewal-controller', 'redis'];
      const texts = await Promise.all(
        containers.map(async (where) => ({ where, text: await readKeptLogs(context().cluster, where) })),
      );
      assert.match(texts[0]?.text ?? '', /"certificate issued"/);
      assert.match(texts[1]?.text ?? '', /"renewal requested"/);
      expectNone(texts);
    });

    test('Redis', async () => {
      const text = await context().redis.content();
      for (const part of ['crowd-0', '{certfleet}:volumes:']) assert.ok(text.includes(part), part);
      expectNone([{ where: 'Redis', text }]);
    });

    test('any object of the API, including events', async () => {
      expectNone(await apiObjects(context().cluster));
    });

    test('requests to the API server', async () => {
      expectNone([{ where: 'audit log', text: await readFile(context().auditLog, 'utf8') }]);
    });

    test('the metrics of agent and controller', async () => {
      const { fleet } = context();
      const pages = [...(await fleet.metrics('node-agent')), ...(await fleet.metrics('renewal-controller'))];
      expectNone(pages.map((text, index) => ({ where: `metrics ${index}`, text })));
    });
  });
}
