import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { dashboardPath, renderDashboard } from './generate-dashboard.ts';

describe('the generated dashboard', () => {
  test("the chart's dashboard is up to date with its panels", async () => {
    assert.equal(
      readFileSync(dashboardPath, 'utf8'),
      await renderDashboard(),
      'run node scripts/generate-dashboard.ts',
    );
  });

  test('panels do not overlap and fit the grid', async () => {
    const { panels } = JSON.parse(await renderDashboard()) as {
      readonly panels: readonly { readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>> }[];
    };
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
