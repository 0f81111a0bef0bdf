// The schema and the programs must accept the same values: a value that only the schema accepts stops an agent that
// `helm upgrade` has already rolled out.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { parseReadinessGate } from '../../apps/node-agent/src/spec/readiness-gate.ts';
import { LanePolicies } from '../../apps/renewal-controller/src/lanes/lane-policies.ts';
import { byteSize, positiveDuration } from '../../libs/shared/src/flag-parsers.ts';
import { chartPath, renderText } from './render-chart.ts';

interface Definition {
  readonly pattern: string;
  readonly allOf?: readonly { readonly pattern: string }[];
}
const schema = JSON.parse(readFileSync(join(chartPath, 'values.schema.json'), 'utf8')) as {
  readonly definitions: Readonly<Record<'quantity' | 'goDuration' | 'cron' | 'readinessGate', Definition>>;
};

function schemaTakes(name: keyof typeof schema.definitions, text: string): boolean {
  const { pattern, allOf = [] } = schema.definitions[name];
  return [pattern, ...allOf.map((each) => each.pattern)].every((each) => new RegExp(each).test(text));
}

function takes(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Every text of up to three of these parts. */
function texts(parts: readonly string[]): readonly string[] {
  const one = parts;
  const two = one.flatMap((first) => parts.map((second) => first + second));
  return [...one, ...two, ...two.flatMap((first) => parts.map((second) => first + second))];
}

describe('schema and program agree', () => {
  it('on quantities', () => {
    const parts = ['', '0', '1', '12', '1234', '1234567', '.', '-', ' ', 'e3', 'k', 'K', 'm', 'M', 'G', 'T', 'i', 'B'];
    for (const text of texts(parts)) assert.equal(schemaTakes('quantity', text), takes(byteSize, text), text);
  });

  it('on all durations that the schema accepts', () => {
    const parts = ['', '0', '1', '.5', '30', 'ns', 'us', 'µs', 'ms', 's', 'm', 'h', 'd', '-', '+'];
    const accepted = texts(parts).filter((text) => schemaTakes('goDuration', text));
    assert.ok(accepted.length > 20, String(accepted.length));
    for (const text of accepted) assert.ok(takes(positiveDuration, text), text);
    for (const text of ['0s', '0', '0h0m', '1d', '', '-1s', 's']) assert.ok(!schemaTakes('goDuration', text), text);
  });

  it('on readiness gates', () => {
    const kinds = ['pod-ip:', 'pod-condition:', 'pod-annotation:', 'pod:', ''];
    const rest = [
      'any',
      'ipv4',
      'ipv5',
      'Ready',
      'Ready=True',
      'Ready=true',
      'a/b',
      'a/b=False',
      '/b',
      'a/b/c',
      '',
      'é',
      '-a',
    ];
    for (const text of kinds.flatMap((kind) => rest.map((each) => kind + each))) {
      assert.equal(schemaTakes('readinessGate', text), takes(parseReadinessGate, text), text);
    }
  });

  it('on lane windows', () => {
    const windowed = (cron: string) => new LanePolicies({ windows: [{ cron, durationMs: 1000 }] });
    for (const cron of ['0 2 * * *', '*/5 1-4 * * mon-fri', '30 0 2 1,15 * 0', '0 0 L * *']) {
      assert.ok(schemaTakes('cron', cron) && takes(windowed, cron), cron);
    }
    for (const cron of [
      'never',
      '',
      '* * *',
      '0 2 * * * * * *',
      '0 2 * * * ; x',
      '61 2 * * *',
      '0 25 * * *',
      '0 2 32 * *',
      '0 2 * 13 *',
    ]) {
      assert.ok(!schemaTakes('cron', cron), cron);
      assert.ok(!takes(windowed, cron), cron);
    }
  });
});

const mi = 1024 * 1024;
const contradictions: readonly (readonly [object, RegExp])[] = [
  [{ 'app.driver.tmpfsSize': '100k' }, /app\.driver\.tmpfsSize: expected 1Mi or more, found 100k/],
  [{ 'app.driver.tmpfsSize': '0' }, /tmpfsSize/],
  [{ 'app.driver.tmpfsSize': '64MB' }, /tmpfsSize/],
  [
    { 'resources.limits': { memory: '64Mi' } },
    /resources\.limits\.memory: expected app\.driver\.tmpfsSize \(128Mi\) and 96Mi more.*found 64Mi/,
  ],
  [{ 'resources.limits': { memory: 64 * mi } }, /resources\.limits\.memory/],
  [{ 'resources.limits': { memory: '0.1Gi' } }, /resources\.limits\.memory/],
  [{ 'resources.limits': { memory: '200e6' } }, /resources\.limits\.memory/],
  [{ 'app.driver.tmpfsSize': '2Gi' }, /resources\.limits\.memory/],
  [{ 'resources.requests': { memory: '1Gi' } }, /resources\.requests\.memory: expected at most the limit/],
  [{ 'resources.limits': { memory: 'lots' } }, /memory/],
  [{ 'resources.limit': { memory: '1Gi' } }, /limit/],
  [{ 'app.logLevel': 9 }, /logLevel/],
  [{ 'controller.logLevel': 9 }, /logLevel/],
  [{ 'updateStrategy.type': 'Rolling' }, /type/],
  [{ 'updateStrategy.rollingUpdates': {} }, /rollingUpdates/],
  [{ 'updateStrategy.rollingUpdate': { maxUnavailable: 0 } }, /maxUnavailable/],
  [{ 'updateStrategy.rollingUpdate': { maxUnavailable: '10' } }, /maxUnavailable/],
  [{ 'updateStrategy.rollingUpdate': { maxSurge: 1 } }, /maxSurge/],
  [{ tolerations: [{ operator: 'exists' }] }, /tolerations/],
  [{ affinity: { nodeAfinity: {} } }, /nodeAfinity/],
  [{ 'app.livenessProbe.port': 9402 }, /metrics\.port and app\.livenessProbe\.port/],
  [{ 'app.driver.issuanceTimeout': '10m' }, /issuanceTimeout: expected 1s to 110s/],
  [{ 'app.driver.issuanceTimeout': '0s' }, /issuanceTimeout/],
  [{ 'app.driver.probe.interval': '9s' }, /probe.interval: expected 10s or more/],
  [{ 'app.driver.defaultDuration': '1ns' }, /defaultDuration/],
  [{ 'app.driver.gateBackoff.duration': '1m' }, /gateBackoff\.duration/],
  [{ 'app.driver.gateBackoff.factor': 1000 }, /factor/],
  [{ 'app.driver.rsaKeyPoolSize': 5000 }, /rsaKeyPoolSize/],
  [{ 'app.driver.csiDataDir': '/var/lib/kubelet/pods/x' }, /csiDataDir: expected a directory outside of the kubelet's/],
  [{ 'app.driver.csiDataDir': '/var/lib/kubelet' }, /csiDataDir/],
  [{ 'app.driver.csiDataDir': '/var/lib/../etc' }, /csiDataDir/],
  [{ 'app.driver.csiDataDir': '/var/lib:x' }, /csiDataDir/],
  [{ 'metrics.podmonitor.enabled': true, 'metrics.podmonitor.interval': '10s' }, /scrapeTimeout/],
  [{ 'metrics.podmonitor.interval': '5m1h' }, /interval/],
  [{ 'controller.ops.port': 8443 }, /controller\.ops\.port: expected three ports/],
  [{ 'controller.resources.limits': { memory: '64Mi' } }, /controller\.resources\.limits\.memory: expected 128Mi/],
  [{ 'controller.heartbeatInterval': '1h' }, /heartbeatInterval/],
  [{ 'controller.forgetNodeAfter': '20s' }, /forgetNodeAfter: expected six heartbeats/],
  [{ 'controller.certificate.duration': '5m' }, /certificate\.duration/],
  [{ 'controller.redis.maxmemory': '0mb' }, /maxmemory/],
  [{ 'controller.redis.maxmemory': '1gb' }, /controller\.redis\.resources\.limits\.memory: expected a quarter more/],
  [{ 'controller.redis.persistence.size': '512Mi' }, /persistence\.size: expected twice/],
  [{ 'controller.lanePolicies.defaults': { backoff: { threshold: 3, initialMs: 9, maxMs: 8 } } }, /backoff\.initialMs/],
  [{ 'controller.lanePolicies.defaults': { windows: [{ cron: 'daily', durationMs: 1000 }] } }, /cron/],
  [{ nameOverride: 'Certs!' }, /nameOverride/],
];

describe('the chart rejects', () => {
  for (const [values, message] of contradictions) {
    it(JSON.stringify(values), async () => {
      await assert.rejects(renderText(values), message);
    });
  }

  it('all problems at once', async () => {
    await assert.rejects(
      renderText({ 'resources.limits': { memory: '64Mi' }, 'controller.ops.port': 8443 }),
      /resources\.limits\.memory[^]*controller\.ops\.port/,
    );
  });
});

describe('the chart accepts', () => {
  const accepted: readonly object[] = [
    { 'app.driver.tmpfsSize': '100M' },
    { 'app.driver.tmpfsSize': '1G', 'resources.limits': { memory: '2Gi' } },
    { resources: null },
    { 'resources.limits': { memory: 536_870_912 } },
    { 'resources.limits': { memory: null } },
    { 'updateStrategy.type': 'OnDelete' },
    { 'updateStrategy.rollingUpdate': { maxUnavailable: 1 } },
    { tolerations: [{ key: 'a', operator: 'Equal', value: 'b', effect: 'NoExecute', tolerationSeconds: 60 }] },
    { 'controller.redis.resources': null, 'controller.redis.maxmemory': '1gb' },
  ];
  for (const values of accepted) {
    it(JSON.stringify(values), async () => {
      await renderText(values);
    });
  }
});
