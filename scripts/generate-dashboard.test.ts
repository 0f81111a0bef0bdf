import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import {
  dashboardPath,
  podCertificatePanelsPath,
  renderDashboard,
  renderPodCertificatePanels,
} from './generate-dashboard.ts';

interface Panel {
  readonly id: number;
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
}

describe('the generated dashboard', () => {
  test("the chart's dashboard is up to date with its panels", async () => {
    const advice = 'run node scripts/generate-dashboard.ts';
    assert.equal(readFileSync(dashboardPath, 'utf8'), await renderDashboard(), advice);
    assert.equal(readFileSync(podCertificatePanelsPath, 'utf8'), await renderPodCertificatePanels(), advice);
  });

  test('panels do not overlap and fit the grid', async () => {
    const dashboard = JSON.parse(await renderDashboard()) as { readonly panels: readonly Panel[] };
    const panels = [...dashboard.panels, ...(JSON.parse(await renderPodCertificatePanels()) as readonly Panel[])];
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    const taken = new Set<string>();
    for (const { gridPos } of panels) {
      const { x, y, w, h } = gridPos;
      assert.ok(x + w <= 24);
      for (let column = x; column < x + w; column += 1)
        for (let line = y; line < y + h; line += 1) {
          assert.ok(!taken.has(`${column}/${line}`), `two panels at ${column}/${line}`);
          taken.add(`${column}/${line}`);
        }
    }
  });
});
