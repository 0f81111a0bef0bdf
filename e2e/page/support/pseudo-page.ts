import { resolve } from 'node:path';
import { build } from 'vite';
import type { Plugin } from 'vite';

const dashboard = resolve(import.meta.dirname, '../../../apps/dashboard');
const messages = resolve(dashboard, 'src/messages');
const found = /import\.meta\.glob<[^(]*>\('\.\/translations\/\*\.ts'\)/;
const module = 'virtual:pseudo-messages';
const ownInstance = '?pseudo';

// Another instance of the English messages, and of what they import: a translation imports nothing of the page.
const source = `
import { en } from ${JSON.stringify(`${messages}/en.ts${ownInstance}`)};
import { pseudo } from ${JSON.stringify(resolve(import.meta.dirname, 'pseudo-messages.ts'))};
export default (format) => pseudo(en(format));`;

/** A translation for a locale that has digits and letters of its own, as if its file were in the source. */
function pseudoTranslation(locale: string): Plugin {
  return {
    name: 'pseudo-translation',
    enforce: 'pre',
    async resolveId(id, importer = '') {
      if (id === module) return `\0${module}`;
      if (!importer.endsWith(ownInstance)) return undefined;
      const found = await this.resolve(id, importer.slice(0, -ownInstance.length), { skipSelf: true });
      return found && `${found.id}${ownInstance}`;
    },
    load: (id) => (id === `\0${module}` ? source : undefined),
    transform(code, id) {
      if (id !== `${messages}/messages.ts`) return undefined;
      if (!found.test(code)) throw new Error('messages.ts no longer looks for translations as this test expects');
      return code.replace(found, `{ './translations/${locale}.ts': () => import('${module}') }`);
    },
  };
}

/** Builds the page with the English messages and the pseudo-translation into a directory. */
export async function buildPseudoPage(locale: string, directory: string): Promise<void> {
  await build({
    root: dashboard,
    logLevel: 'error',
    plugins: [pseudoTranslation(locale)],
    build: { outDir: directory, emptyOutDir: true },
  });
}
