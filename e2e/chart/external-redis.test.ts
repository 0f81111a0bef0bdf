import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { readConfig as readAgentConfig } from '../../apps/node-agent/src/config.ts';
import { readConfig, redisConfigOf } from '../../apps/renewal-controller/src/config.ts';
import { argsOf, controllerOf, named, sourcesOf, workload } from './controller-objects.ts';
import { externalRedisValues } from './controller-values.ts';
import { render } from './render-chart.ts';

const secretFile = (name: string, key: string, path: string): object => ({
  secret: { name, items: [{ key, path }] },
});

describe('an external Redis', () => {
  it('replaces the chart’s', async () => {
    const objects = await render(externalRedisValues);
    assert.ok(objects.every(({ metadata }) => metadata.name !== 'certfleet-redis'));
  });

  it('is applied to the controller’s command line, with secrets as files', async () => {
    const objects = await render(externalRedisValues);
    const config = readConfig(argsOf(objects), {});
    const directory = '/etc/certfleet/redis';
    assert.deepEqual(redisConfigOf(config), {
      url: externalRedisValues['controller.redis.external'].url,
      username: 'certfleet',
      passwordFile: `${directory}/password`,
      sentinelUsername: 'sentinel',
      sentinelPasswordFile: `${directory}/sentinel-password`,
      caFile: `${directory}/ca.crt`,
      certificateFile: `${directory}/tls.crt`,
      keyFile: `${directory}/tls.key`,
      serverName: 'redis.internal',
    });
    assert.partialDeepStrictEqual(config, {
      'redis-prefix': 'blue',
      'redis-node-url': 'rediss://redis.example.com:6380',
      'redis-node-access': 'shared',
      'redis-node-username': 'agents',
      'redis-node-password-file': `${directory}/node-password`,
      'redis-node-sentinel-username': 'asking',
      'redis-node-sentinel-password-file': `${directory}/node-sentinel-password`,
    });
    assert.deepEqual(sourcesOf(controllerOf(objects), 'redis'), [
      secretFile('redis-user', 'secret', 'password'),
      secretFile('redis-sentinel', 'secret', 'sentinel-password'),
      secretFile('redis-ca', 'root.pem', 'ca.crt'),
      secretFile('redis-agents', 'secret', 'node-password'),
      secretFile('redis-asking', 'secret', 'node-sentinel-password'),
      secretFile('redis-client', 'tls.crt', 'tls.crt'),
      secretFile('redis-client', 'tls.key', 'tls.key'),
    ]);
  });

  it('gets a separate client certificate for agents, without which agents still start', async () => {
    const objects = await render(externalRedisValues);
    const agent = workload(objects, 'DaemonSet', 'certfleet');
    const config = readAgentConfig(agent.template.spec.containers[0].args, {});
    assert.partialDeepStrictEqual(config, {
      'redis-cert-file': '/var/run/secrets/certfleet/redis.crt',
      'redis-key-file': '/var/run/secrets/certfleet/redis.key',
    });
    assert.deepEqual(sourcesOf(agent, 'controller')?.at(-1), {
      secret: {
        name: 'redis-agents-client',
        optional: true,
        items: [
          { key: 'tls.crt', path: 'redis.crt' },
          { key: 'tls.key', path: 'redis.key' },
        ],
      },
    });
  });

  it('may have no password', async () => {
    const objects = await render({
      'controller.redis.install': false,
      'controller.redis.external.url': 'redis://redis:6379',
    });
    assert.deepEqual(redisConfigOf(readConfig(argsOf(objects), {})), { url: 'redis://redis:6379' });
    const [{ volumeMounts }] = controllerOf(objects).template.spec.containers;
    assert.ok(volumeMounts.every(({ name }) => name !== 'redis'));
  });
});

describe('an external issuer', () => {
  it('signs the serving certificate, without a CA of the release', async () => {
    const objects = await render(externalRedisValues);
    assert.ok(objects.every(({ kind }) => kind !== 'Issuer'));
    const { issuerRef } = named(objects, 'Certificate', 'certfleet-controller-tls')['spec'] as { issuerRef: object };
    assert.deepEqual(issuerRef, { group: 'cert-manager.io', kind: 'ClusterIssuer', name: 'corporate' });
  });
});
