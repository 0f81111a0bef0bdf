import type { AlertRule } from './chart-rules.ts';
import { chartRules } from './chart-rules.ts';

const quick: Readonly<Record<string, string>> = { '15m': '20s', '10m': '20s', '5m': '10s' };

/** The chart's alerts for a test: the same conditions, over seconds instead of minutes. */
export async function quickRules(): Promise<readonly AlertRule[]> {
  const rules = await chartRules({
    'controller.enabled': true,
    'prometheusRule.runbookUrl': 'https://git.example.com/docs/runbook.md',
    'prometheusRule.alerts.laneStuck': { threshold: 2 },
    'prometheusRule.alerts.reportLag': { threshold: 1 },
    'prometheusRule.alerts.postureViolated': { enabled: true },
  });
  const hasten = (text: string): string =>
    text.replaceAll(/\[(\d+m)\]/g, (whole, span: string) => `[${quick[span] ?? whole}]`);
  return rules.map((rule) => ({
    ...rule,
    expr: hasten(rule.expr),
    for: '1s',
    annotations: Object.fromEntries(Object.entries(rule.annotations).map(([name, text]) => [name, hasten(text)])),
  }));
}
