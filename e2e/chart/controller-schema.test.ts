import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { renderText } from './render-chart.ts';

describe('invalid values of the controller', () => {
  const url = 'redis://redis.example.com';
  const mistakes: readonly (readonly [object, RegExp])[] = [
    [{ 'controller.replica': 3 }, /replica/],
    [{ 'controller.replicas': 0 }, /replicas/],
    [{ 'controller.redis.external.uri': url }, /uri/],
    [{ 'controller.redis.external.url': 'rediss://user:secret@redis.example.com' }, /url/],
    [{ 'controller.redis.external.passwordSecretRef': { key: 'password' } }, /passwordSecretRef/],
    [{ 'controller.redis.external.nodeAccess': 'ACL' }, /nodeAccess/],
    [{ 'controller.lanePolicies.defaults': { ratePerMinute: 10 } }, /ratePerMinute/],
    [
      { 'controller.lanePolicies.overrides': [{ issuer: '*', policy: { windows: [{ cron: '0 2 * * *' }] } }] },
      /windows/,
    ],
    [{ 'controller.certificate.issuerRef': { kind: 'ClusterIssuer' } }, /issuerRef/],
    [{ 'controller.certificate.dnsNames': ['not a name'] }, /dnsNames/],
    [{ 'controller.certificate.ipAddresses': ['localhost'] }, /ipAddresses/],
    [{ 'controller.api.trustedProxies': ['0.0.0.0/0'] }, /trustedProxies/],
    [{ 'controller.api.trustedProxies': ['ingress'] }, /trustedProxies/],
    [{ 'controller.redis.external.url': url }, /controller\.redis\.install/],
    [{ 'controller.api.auth': 'none' }, /auth/],
    [{ 'controller.api.auth': 'proxy' }, /controller\.api\.proxy\.secretRef/],
    [{ 'controller.redis.install': false }, /controller\.redis\.external\.url/],
  ];
  for (const [values, message] of mistakes) {
    it(`are rejected: ${JSON.stringify(values)}`, async () => {
      await assert.rejects(renderText(values), message);
    });
  }

  it('are rejected on a cluster whose tokens do not name a node', async () => {
    await assert.rejects(renderText({}, { kubeVersion: '1.29.14' }), /since 1\.30; set controller\.enabled to false/);
  });
});
