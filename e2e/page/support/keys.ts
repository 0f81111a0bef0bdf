import type { Locator, Page } from 'playwright-core';

/** More than any view has elements that take the focus. */
const maxTabs = 150;

async function hasFocus(page: Page, target: Locator): Promise<boolean> {
  return (await target.and(page.locator(':focus')).count()) === 1;
}

/** Presses Tab until an element has the focus, as a user without a mouse; fails if the keyboard does not reach it. */
export async function tabTo(page: Page, target: Locator): Promise<void> {
  await target.waitFor();
  for (let i = 0; i < maxTabs; i += 1) {
    if (await hasFocus(page, target)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`${maxTabs} times Tab do not reach ${String(target)}`);
}

/** Reaches an element with Tab and presses Enter on it. */
export async function enter(page: Page, target: Locator): Promise<void> {
  await tabTo(page, target);
  await page.keyboard.press('Enter');
}
