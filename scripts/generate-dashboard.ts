// Writes the chart's Grafana dashboard, and the panels that the chart adds for pod certificates, from dashboard/panels.ts.
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { podCertificateRows, rows } from './dashboard/panels.ts';
import type { Panel, Row } from './dashboard/panels.ts';

const files = join(resolve(import.meta.dirname, '..'), 'helm/certfleet/files');
export const dashboardPath = join(files, 'dashboard.json');
export const podCertificatePanelsPath = join(files, 'dashboard-pod-certificates.json');

interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

const width = 24;
const datasource = { type: 'prometheus', uid: '${datasource}' };

function thresholds(alarmFrom: number | undefined): object {
  const calm = { color: 'green', value: null };
  return { mode: 'absolute', steps: alarmFrom === undefined ? [calm] : [calm, { color: 'red', value: alarmFrom }] };
}

function options({ kind, queries }: Panel): object {
  if (kind === 'stat') return { colorMode: 'value', graphMode: 'area', reduceOptions: { calcs: ['lastNotNull'] } };
  return {
    legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
    tooltip: { mode: queries.length > 1 || kind === 'stack' ? 'multi' : 'single', sort: 'desc' },
  };
}

function drawing(kind: Panel['kind']): object {
  if (kind === 'stat') return {};
  const stacking = { mode: kind === 'stack' ? 'normal' : 'none' };
  return { drawStyle: 'line', lineWidth: 1, fillOpacity: kind === 'stack' ? 40 : 5, showPoints: 'never', stacking };
}

function panelJson(panel: Panel, id: number, gridPos: Place): Laid {
  const { title, help, kind, unit, queries, alarmFrom } = panel;
  const json = {
    id,
    title,
    description: help,
    type: kind === 'stat' ? 'stat' : 'timeseries',
    datasource,
    gridPos,
    fieldConfig: {
      defaults: { unit, min: 0, thresholds: thresholds(alarmFrom), custom: drawing(kind) },
      overrides: [],
    },
    options: options(panel),
    targets: queries.map(({ expr, legend }, i) => ({
      refId: String.fromCharCode(65 + i),
      datasource,
      expr,
      ...(legend === '' ? {} : { legendFormat: legend }),
    })),
  };
  return json;
}

/** Eight stats or three graphs per row. */
function sizeOf({ kind }: Panel): Pick<Place, 'w' | 'h'> {
  return kind === 'stat' ? { w: width / 8, h: 4 } : { w: width / 3, h: 8 };
}

interface Laid {
  readonly id: number;
  readonly gridPos: Place;
}

/** @param above panels that are laid out already */
function layOut(all: readonly Row[], above: readonly Laid[] = []): Laid[] {
  const laid: Laid[] = [];
  const nextId = (): number => above.length + laid.length + 1;
  let y = Math.max(0, ...above.map(({ gridPos }) => gridPos.y + gridPos.h));
  for (const { title, panels } of all) {
    laid.push({
      id: nextId(),
      ...{ type: 'row', title, collapsed: false },
      gridPos: { x: 0, y, w: width, h: 1 },
      ...{ panels: [] },
    });
    y += 1;
    let [x, height] = [0, 0];
    for (const panel of panels) {
      const { w, h } = sizeOf(panel);
      if (x + w > width) [x, y] = [0, y + height];
      laid.push(panelJson(panel, nextId(), { x, y, w, h }));
      [x, height] = [x + w, h];
    }
    y += height;
  }
  return laid;
}

const variable = (name: string, label: string, query: string, more: object = {}): object => ({
  name,
  label,
  type: 'query',
  datasource,
  query: { query, refId: name },
  definition: query,
  refresh: 2,
  sort: 1,
  ...more,
});

/** The dashboard as JSON, formatted with the repository's settings. */
export async function renderDashboard(): Promise<string> {
  const dashboard = {
    uid: 'certfleet',
    title: 'certfleet',
    description: 'Certificates of the fleet and their renewals.',
    tags: ['certfleet', 'certificates'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
        variable('namespace', 'Namespace', 'label_values(certfleet_agent_volumes, namespace)'),
        variable('node', 'Node', 'label_values(certfleet_agent_volumes{namespace="$namespace"}, node)', {
          multi: true,
          includeAll: true,
          allValue: '.*',
          current: { text: 'All', value: '$__all' },
        }),
      ],
    },
    panels: layOut(rows),
  };
  return await formatted(dashboard);
}

/** The panels that the chart appends if the controller follows pod certificates. */
export async function renderPodCertificatePanels(): Promise<string> {
  return await formatted(layOut(podCertificateRows, layOut(rows)));
}

async function formatted(value: unknown): Promise<string> {
  return await format(JSON.stringify(value), { ...(await resolveConfig(dashboardPath)), parser: 'json' });
}

if (import.meta.main) {
  writeFileSync(dashboardPath, await renderDashboard());
  writeFileSync(podCertificatePanelsPath, await renderPodCertificatePanels());
}
