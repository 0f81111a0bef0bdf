import { en } from './en.ts';
import { formatOf } from './format.ts';
import type { Format } from './format.ts';
import { chosenLanguage } from './language.ts';

/** All texts of the page. The English ones define which there are, and with which parameters. */
export type Messages = ReturnType<typeof en>;

/**
 * The default export of a translation: its messages, made with the rules of its locale.
 * @public
 */
export type Catalogue = (format: Format) => Messages;

/** The translations, by path: each is `translations/LOCALE.ts`, and a file of its own in the built page. */
const translations: Readonly<Record<string, () => Promise<{ readonly default: Catalogue }>>> =
  // Only the browser's build knows the files; tests on Node have no document and read English.
  typeof document === 'undefined' ? {} : import.meta.glob<{ readonly default: Catalogue }>('./translations/*.ts');

const folder = './translations/';

interface Language {
  readonly format: Format;
  readonly t: Messages;
}

function languageOf(locale: string, catalogue: Catalogue): Language {
  const format = formatOf(locale);
  return { format, t: catalogue(format) };
}

/** How long the page waits for a translation. */
const limitMs = 5_000;

/** The language of the browser's list. Without its file, for example after an update of the controller: English. */
async function load(): Promise<Language> {
  const known = Object.keys(translations).map((path) => path.slice(folder.length, -'.ts'.length));
  const wanted = typeof document === 'undefined' ? [] : navigator.languages;
  const language = chosenLanguage(wanted, known);
  const loading = translations[`${folder}${language}.ts`]?.().catch(() => undefined);
  const translation = loading && (await Promise.race([loading, nothingAfter(limitMs)]));
  return translation === undefined ? languageOf('en', en) : languageOf(language, translation.default);
}

const nothingAfter = (ms: number): Promise<undefined> =>
  new Promise((resolve) => setTimeout(() => resolve(undefined), ms));

// At the top level: every module of the page that imports a text runs after this.
export const { format, t } = await load();

if (typeof document !== 'undefined') document.documentElement.lang = format.locale;
