import type { Page } from 'playwright-core';

/** Shows another view as a link of the page does, without loading the page again; resolves once it is rendered. */
export async function followLink(page: Page, path: string): Promise<void> {
  await page.evaluate(`new Promise((rendered) => {
    const link = document.createElement('a');
    link.href = ${JSON.stringify(path)};
    document.body.append(link);
    link.click();
    link.remove();
    requestAnimationFrame(() => requestAnimationFrame(rendered));
  })`);
}
