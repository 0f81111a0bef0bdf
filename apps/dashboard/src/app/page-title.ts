import type { Verdict } from '@certfleet/operator-api/summary.ts';
import { t } from '../messages/messages.ts';
import { productName } from './product-name.ts';

type Level = Verdict['level'];

/** Shapes and colours of the icon: they differ by shape too. */
const icons: Readonly<Record<Level, readonly [color: string, path: string]>> = {
  ok: ['#1b6a57', 'M7 12.4l3.4 3.4L17.2 9'],
  attention: ['#8a5a00', 'M12 6v8M12 17.6v.4'],
  critical: ['#b3261e', 'M7.5 7.5l9 9M16.5 7.5l-9 9'],
  unknown: ['#5b5f66', 'M9 9.2a3 3 0 1 1 4.4 2.7c-1 .6-1.4 1.1-1.4 2.1M12 17.6v.4'],
};

/** Title and icon of the browser's tab: the view, and the verdict and the cluster while there is a session. */
export class PageTitle {
  readonly #document: Document;
  #view = '';
  #cluster = '';
  #level: Level | undefined;

  constructor(document: Document) {
    this.#document = document;
  }

  showView(title: string): void {
    this.#view = title;
    this.#show();
  }

  /** @param name empty without a name or a session */
  showCluster(name: string): void {
    this.#cluster = name;
    this.#show();
  }

  /** @param level undefined without a session */
  showVerdict(level: Level | undefined): void {
    if (level === this.#level) return;
    this.#level = level;
    this.#show();
    const [color, path] = icons[level ?? 'ok'];
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="24" height="24" rx="6" fill="${color}"/><path d="${path}" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/></svg>`;
    this.#document
      .querySelector('link[rel=icon]')
      ?.setAttribute('href', `data:image/svg+xml,${encodeURIComponent(svg)}`);
  }

  #show(): void {
    const verdict = this.#level === undefined ? [] : [t.verdict.words[this.#level]];
    this.#document.title = [...verdict, this.#view, this.#cluster, productName]
      .filter((part) => part !== '')
      .join(' · ');
  }
}
