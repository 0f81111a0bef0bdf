import type { Page, Response } from 'playwright-core';
import { closing, opening } from './pseudo-messages.ts';

// Runs in the page: texts outside of the marks of messages, of nodes and of attributes that browsers show or read out.
// Commands, names of keys and pasted text are the same in every language.
const read = `((opening, closing) => {
  const bare = [];
  const outside = (text, depth) => {
    let rest = '';
    for (const letter of text) {
      if (letter === opening) depth += 1;
      else if (letter === closing) depth -= 1;
      else if (depth === 0) rest += letter;
    }
    if (rest.trim() !== '') bare.push(rest.trim());
    return depth;
  };
  outside(document.title, 0);
  const shown = ['title', 'aria-label', 'placeholder', 'aria-valuetext', 'alt', 'label', 'data-label'];
  for (const element of document.querySelectorAll('body *')) {
    for (const name of shown) if (element.hasAttribute(name)) outside(element.getAttribute(name), 0);
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let depth = 0;
  while (walker.nextNode()) {
    const { currentNode } = walker;
    if (currentNode.parentElement.closest('noscript, script, code, kbd, pre, .mono') !== null) continue;
    depth = outside(currentNode.data, depth);
  }
  if (depth !== 0) bare.push('the marks of messages are not in pairs');
  return bare;
})(${JSON.stringify(opening)}, ${JSON.stringify(closing)})`;

/** All texts in the responses of the API: names, messages and words of vocabularies. */
export class ServerTexts {
  // The name of the product is the same in every language.
  readonly #texts = new Set(['certfleet']);
  readonly #pending = new Set<Promise<void>>();

  listen(page: Page): void {
    page.on('response', (response) => {
      const reading = this.#read(response).finally(() => this.#pending.delete(reading));
      this.#pending.add(reading);
    });
  }

  async #read(response: Response): Promise<void> {
    if (!response.headers()['content-type']?.includes('application/json')) return;
    // A response without a body, or of a page that was left.
    this.#add(await response.json().catch(() => undefined));
  }

  #add(value: unknown): void {
    if (typeof value === 'string') this.#texts.add(normal(value));
    else if (Array.isArray(value)) for (const each of value) this.#add(each);
    else if (typeof value === 'object' && value !== null) {
      for (const [name, each] of Object.entries(value)) {
        // The page has its own sentences for what the controller also sends in English.
        if (('facts' in value && name === 'text') || ('span' in value && name === 'label')) continue;
        this.#add(each);
        // The name of a label is a key of an object.
        this.#texts.add(normal(name));
        if (name === 'keyBits') this.#texts.add(String(each));
      }
    }
  }

  /** Whether a text is what the server sent, or consists of it: `shop/web-1`, `team=core`. */
  async has(text: string): Promise<boolean> {
    await Promise.all(this.#pending);
    const whole = normal(text);
    if (this.#texts.has(whole)) return true;
    return whole.split(/[\s/=,:;·()]+/).every((part) => part === '' || this.#texts.has(part) || this.#isKind(part));
  }

  /** Whether it is the kind of an issuer's key, `kind.group/namespace/name`. */
  #isKind(part: string): boolean {
    return [...this.#texts].some((text) => text.startsWith(`${part}/`));
  }
}

/** Sentences of the server start with a small letter and end without a full stop. */
const normal = (text: string): string => text.trim().toLowerCase().replace(/\.$/, '');

/** Letters and digits that the locale of the pseudo-translation does not have. */
const foreign = /[a-z0-9]/i;

/** Texts of a view that are neither from the messages nor from the server. */
export async function strayTexts(page: Page, server: ServerTexts): Promise<readonly string[]> {
  const bare = await page.evaluate<readonly string[]>(read);
  const stray = new Set<string>();
  for (const text of bare) if (foreign.test(text) && !(await server.has(text))) stray.add(text);
  return [...stray];
}
