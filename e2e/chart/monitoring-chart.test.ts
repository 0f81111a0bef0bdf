import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { chartRules } from '../observability/support/chart-rules.ts';
import { withoutController } from './controller-values.ts';
import { objectOf, render, renderText } from './render-chart.ts';

describe('the PrometheusRule', () => {
  it('is not there unless it is asked for', async () => {
    const kinds = (await render()).map(({ kind }) => kind);
    assert.ok(!kinds.includes('PrometheusRule'));
  });

  it('can be placed, labelled and tuned', async () => {
    const values = {
      'prometheusRule.namespace': 'monitoring',
      'prometheusRule.labels': { release: 'main' },
      'prometheusRule.alertLabels': { team: 'platform' },
      'prometheusRule.runbookUrl': 'https://wiki.example.com/certfleet',
      'prometheusRule.alerts.redisDown': { enabled: false },
      'prometheusRule.alerts.laneStuck': { severity: 'critical', for: '7m', threshold: 77 },
    };
    const { metadata } = objectOf(await render({ 'prometheusRule.enabled': true, ...values }), 'PrometheusRule');
    assert.equal(metadata.namespace, 'monitoring');
    assert.equal(metadata.labels['release'], 'main');
    const rules = await chartRules(values);
    assert.ok(!rules.some(({ alert }) => alert === 'CertfleetRedisDown'));
    const stuck = rules.find(({ alert }) => alert === 'CertfleetLaneStuck');
    assert.match(stuck?.expr ?? '', /\{namespace="cert-manager"\}\) > 77$/m);
    assert.equal(stuck?.for, '7m');
    assert.deepEqual(stuck.labels, { severity: 'critical', team: 'platform' });
    assert.equal(stuck.annotations['runbook_url'], 'https://wiki.example.com/certfleet#certfleetlanestuck');
  });

  it('links to a runbook whose address it is given, and to nothing otherwise', async () => {
    for (const { annotations } of await chartRules()) assert.equal(annotations['runbook_url'], undefined);
    const relative = { 'prometheusRule.enabled': true, 'prometheusRule.runbookUrl': 'docs/runbook.md' };
    await assert.rejects(renderText(relative), /runbookUrl/);
  });

  it('leaves nothing to be filled in', async () => {
    for (const rules of [await chartRules(), await chartRules(withoutController)]) {
      assert.doesNotMatch(JSON.stringify(rules), /\$(scope|threshold|agentJob|controllerJob)|<nil>/);
    }
  });

  it('is refused where there are no metrics, and where it names an alert that there is not', async () => {
    const enabled = { 'prometheusRule.enabled': true };
    await assert.rejects(renderText({ ...enabled, 'metrics.enabled': false }), /metrics\.enabled/);
    await assert.rejects(renderText({ ...enabled, 'prometheusRule.alerts.redisSad': {} }), /redisSad/);
    await assert.rejects(renderText({ ...enabled, 'prometheusRule.alerts.redisDown': { for: 'soon' } }), /for/);
  });
});

describe('the PodMonitors', () => {
  const values = { 'metrics.podmonitor.enabled': true };

  it('find the metrics of agents and controller by the ports that their pods have, and name jobs as the alerts do', async () => {
    const objects = await render(values);
    for (const [monitor, workload, job] of [
      ['certfleet', 'DaemonSet', 'certfleet'],
      ['certfleet-controller', 'Deployment', 'renewal-controller'],
    ] as const) {
      const found = objects.find(({ kind, metadata }) => kind === 'PodMonitor' && metadata.name === monitor);
      const spec = found?.['spec'] as {
        readonly jobLabel: string;
        readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
        readonly podMetricsEndpoints: readonly [{ readonly port: string; readonly scheme?: string }];
      };
      const { template } = objectOf(objects, workload)['spec'] as {
        readonly template: {
          readonly metadata: { readonly labels: Readonly<Record<string, string>> };
          readonly spec: { readonly containers: readonly [{ readonly ports: readonly { readonly name: string }[] }] };
        };
      };
      const [{ ports }] = template.spec.containers;
      const [endpoint] = spec.podMetricsEndpoints;
      assert.ok(ports.some(({ name }) => name === endpoint.port));
      // Neither port speaks TLS.
      assert.equal(endpoint.scheme, undefined);
      assert.equal(template.metadata.labels[spec.jobLabel], job);
      assert.partialDeepStrictEqual(template.metadata.labels, spec.selector.matchLabels);
    }
  });
});

describe('the dashboard', () => {
  it('is a ConfigMap that Grafana’s sidecar finds, in the place that is asked for', async () => {
    const objects = await render({
      ...withoutController,
      'grafanaDashboard.enabled': true,
      'grafanaDashboard.namespace': 'monitoring',
      'grafanaDashboard.annotations': { grafana_folder: 'Certificates' },
    });
    const { metadata, data } = objectOf(objects, 'ConfigMap') as unknown as {
      readonly metadata: { readonly namespace: string; readonly labels: object; readonly annotations: object };
      readonly data: Readonly<Record<string, string>>;
    };
    assert.equal(metadata.namespace, 'monitoring');
    assert.partialDeepStrictEqual(metadata.labels, { grafana_dashboard: '1' });
    assert.deepEqual(metadata.annotations, { grafana_folder: 'Certificates' });
    const dashboard = JSON.parse(data['certfleet.json'] ?? '') as { readonly panels: readonly object[] };
    assert.ok(dashboard.panels.length > 30);
  });

  it('finds the agents by the name that the chart was given', async () => {
    const objects = await render({ ...withoutController, 'grafanaDashboard.enabled': true, nameOverride: 'certs' });
    const { data } = objectOf(objects, 'ConfigMap') as unknown as { readonly data: Readonly<Record<string, string>> };
    assert.match(data['certfleet.json'] ?? '', /job=\\"certs\\"/);
    assert.doesNotMatch(data['certfleet.json'] ?? '', /job=\\"certfleet\\"/);
  });
});
