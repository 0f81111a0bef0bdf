import { objectOf, render } from '../../chart/render-chart.ts';

/** A query of the chart's dashboard, with its panel. */
export interface DashboardQuery {
  readonly panel: string;
  readonly expr: string;
}

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[];
}

/** All dashboard queries as Grafana would send them for all nodes, with that rate interval. */
export async function dashboardQueries(rateInterval: string): Promise<readonly DashboardQuery[]> {
  const { data } = objectOf(
    await render({ 'grafanaDashboard.enabled': true, 'controller.enabled': false }),
    'ConfigMap',
  ) as unknown as {
    readonly data: Readonly<Record<string, string>>;
  };
  const variables: Readonly<Record<string, string>> = {
    $namespace: 'cert-manager',
    $node: '.*',
    $__rate_interval: rateInterval,
  };
  const fill = (expr: string): string => expr.replaceAll(/\$\w+/g, (name) => variables[name] ?? name);
  const { panels } = JSON.parse(data['certfleet.json'] ?? '') as Dashboard;
  return panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ panel: title, expr: fill(expr) })));
}
