/** A browser may deny storage; a choice then lasts until the page is closed. */
export function storageOf(window: Window): Storage | undefined {
  try {
    return window.localStorage;
  } catch {
    return undefined;
  }
}
