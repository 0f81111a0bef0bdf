import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { chartRules } from '../observability/support/chart-rules.ts';
import { argsOf, workload } from './controller-objects.ts';
import { withoutController } from './controller-values.ts';
import { objectOf, render, renderText } from './render-chart.ts';

describe('the PrometheusRule', () => {
  it('is only rendered when enabled', async () => {
    const kinds = (await render()).map(({ kind }) => kind);
    assert.ok(!kinds.includes('PrometheusRule'));
  });

  it('can be placed, labelled and configured', async () => {
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
    assert.ok(!rules.some(({ alert }) => alert === 'CertfleetPostureViolated'), 'off by default');
    const stuck = rules.find(({ alert }) => alert === 'CertfleetLaneStuck');
    assert.match(stuck?.expr ?? '', /\{namespace="cert-manager"\}\) > 77$/m);
    assert.equal(stuck?.for, '7m');
    assert.deepEqual(stuck.labels, { severity: 'critical', team: 'platform' });
    assert.equal(stuck.annotations['runbook_url'], 'https://wiki.example.com/certfleet#certfleetlanestuck');
  });

  it('links to the configured runbook, otherwise to none', async () => {
    for (const { annotations } of await chartRules()) assert.equal(annotations['runbook_url'], undefined);
    const relative = { 'prometheusRule.enabled': true, 'prometheusRule.runbookUrl': 'docs/runbook.md' };
    await assert.rejects(renderText(relative), /runbookUrl/);
  });

  it('has no unresolved placeholders', async () => {
    for (const rules of [await chartRules(), await chartRules(withoutController)]) {
      assert.doesNotMatch(JSON.stringify(rules), /\$(scope|owners|threshold|agentJob|controllerJob|signerJob)|<nil>/);
    }
  });

  it('names the chosen labels of pods in the alerts of volumes, if agents report them', async () => {
    const naming = async (values: object): Promise<readonly string[]> =>
      (await chartRules(values))
        .filter(({ annotations }) => annotations['description']?.includes('certfleet_controller_label_volumes'))
        .map(({ alert }) => alert);
    const reported = { 'app.driver.workload': { enabled: true, labels: ['team'] } };
    const alerts = ['VolumeExpired', 'VolumeAboutToExpire', 'VolumeExpiresSoon', 'RenewalFailing'];
    assert.deepEqual(
      await naming(reported),
      alerts.map((name) => `Certfleet${name}`),
    );
    assert.deepEqual(await naming({ 'app.driver.workload': { enabled: true } }), []);
    assert.deepEqual(await naming({ ...withoutController, ...reported }), []);
  });

  it('is rejected without metrics or with the name of an unknown alert', async () => {
    const enabled = { 'prometheusRule.enabled': true };
    await assert.rejects(renderText({ ...enabled, 'metrics.enabled': false }), /metrics\.enabled/);
    await assert.rejects(renderText({ ...enabled, 'prometheusRule.alerts.redisSad': {} }), /redisSad/);
    await assert.rejects(renderText({ ...enabled, 'prometheusRule.alerts.redisDown': { for: 'soon' } }), /for/);
  });
});

describe('the name of the cluster', () => {
  it('labels metrics and alerts, and is rejected if it cannot', async () => {
    const objects = await render({ clusterName: 'prod-eu' });
    assert.ok(argsOf(objects).includes('--cluster-name=prod-eu'));
    const agent = workload(objects, 'DaemonSet', 'certfleet');
    assert.ok(agent.template.spec.containers[0].args.includes('--cluster-name=prod-eu'));
    for (const { labels } of await chartRules({ clusterName: 'prod-eu' })) assert.equal(labels['cluster'], 'prod-eu');
    for (const { labels } of await chartRules()) assert.equal(labels['cluster'], undefined);
    await assert.rejects(renderText({ clusterName: 'a"b' }), /clusterName/);
  });
});

describe('the PodMonitors', () => {
  const values = { 'metrics.podmonitor.enabled': true };

  it('select the metrics ports of agents and controller, with the job names that the alerts use', async () => {
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
      // Neither port uses TLS.
      assert.equal(endpoint.scheme, undefined);
      assert.equal(template.metadata.labels[spec.jobLabel], job);
      assert.partialDeepStrictEqual(template.metadata.labels, spec.selector.matchLabels);
    }
  });
});

describe('the dashboard', () => {
  it('is a ConfigMap for Grafana’s sidecar, in the configured namespace', async () => {
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

  it('has panels of pod certificates only if the controller follows them', async () => {
    const titlesOf = async (isEnabled: boolean): Promise<readonly string[]> => {
      const objects = await render({
        'grafanaDashboard.enabled': true,
        'controller.podCertificates.enabled': isEnabled,
      });
      const maps = objects.filter(({ kind }) => kind === 'ConfigMap') as unknown as readonly {
        readonly data: Readonly<Record<string, string>>;
      }[];
      const json = maps.flatMap(({ data }) => data['certfleet.json'] ?? []).join('');
      const { panels } = JSON.parse(json) as { readonly panels: readonly { readonly title: string }[] };
      return panels.map(({ title }) => title);
    };
    const usual = await titlesOf(false);
    assert.ok(!usual.some((title) => /pod certificate/i.test(title)));
    const more = (await titlesOf(true)).slice(usual.length);
    assert.deepEqual(more.slice(0, 3), ['Pod certificates', 'Pod certificates by state', 'Pod certificates at risk']);
  });

  it('selects the agents by the configured name', async () => {
    const objects = await render({ ...withoutController, 'grafanaDashboard.enabled': true, nameOverride: 'certs' });
    const { data } = objectOf(objects, 'ConfigMap') as unknown as { readonly data: Readonly<Record<string, string>> };
    assert.match(data['certfleet.json'] ?? '', /job=\\"certs\\"/);
    assert.doesNotMatch(data['certfleet.json'] ?? '', /job=\\"certfleet\\"/);
  });
});
