import axe from 'axe-core';
import type { Page } from 'playwright-core';

/** Violations of all rules of axe in the page as it is shown now, each with its elements. */
export async function violationsOf(page: Page): Promise<readonly string[]> {
  // Once for each document: it is larger than the page.
  if (!(await page.evaluate<boolean>('"axe" in window'))) await page.evaluate(axe.source);
  // Without the elements that satisfy a rule, which are most of the result.
  const { violations } = await page.evaluate<Pick<axe.AxeResults, 'violations'>>(
    "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => ({ violations }))",
  );
  return violations.map(
    ({ id, help, nodes }) => `${id}: ${help} (${nodes.map(({ html }) => html.slice(0, 120)).join(' ')})`,
  );
}
