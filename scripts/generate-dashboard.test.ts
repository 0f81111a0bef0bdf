import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { dashboardPath, renderDashboard } from './generate-dashboard.ts';

test('the dashboard of the chart shows what its panels say', async () => {
  assert.equal(readFileSync(dashboardPath, 'utf8'), await renderDashboard(), 'run node scripts/generate-dashboard.ts');
});

test('no two panels overlap, and none stands over the edge', async () => {
  const { panels } = JSON.parse(await renderDashboard()) as {
    readonly panels: readonly { readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>> }[];
  };
  const taken = new Set<string>();
  for (const { gridPos } of panels) {
    const { x, y, w, h } = gridPos;
    assert.ok(x + w <= 24);
    for (let column = x; column < x + w; column += 1)
      for (let line = y; line < y + h; line += 1) {
        assert.ok(!taken.has(`${column}/${line}`), `${column}/${line} is taken twice`);
        taken.add(`${column}/${line}`);
      }
  }
});
