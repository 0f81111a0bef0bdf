import { objectOf, render } from '../../chart/render-chart.ts';

/** One alert of the chart in Prometheus' format. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Values of a chart with every part and every alert. */
export const withEverything = {
  'prometheusRule.alerts.postureViolated': { enabled: true },
  'app.driver.workload': { enabled: true, labels: ['team'] },
  'podCertificateSigner.enabled': true,
  'podCertificateSigner.signerNames': ['example.com/internal'],
};

/** The chart's alerts with these additional values. */
export async function chartRules(values: object = {}): Promise<readonly AlertRule[]> {
  const objects = await render({ 'prometheusRule.enabled': true, ...values });
  const { groups } = objectOf(objects, 'PrometheusRule')['spec'] as {
    readonly groups: readonly [{ readonly rules: readonly AlertRule[] }];
  };
  return groups[0].rules;
}

/** Rules as a file for Prometheus; JSON is YAML. */
export function rulesFile(rules: readonly AlertRule[]): string {
  return JSON.stringify({ groups: [{ name: 'certfleet', rules }] });
}
