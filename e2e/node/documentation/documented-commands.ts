import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../support/release.ts';

/** A block of shell commands, which a reader copies as a whole. */
export interface DocumentedBlock {
  /** The page and the block's first line, with a number if another block begins alike; the key in tables. */
  readonly key: string;
  readonly page: string;
  readonly text: string;
}

/** Pages with commands for operators. The generated reference pages have none. */
const pages = ['README.md', 'SECURITY.md', 'docs/*.md', 'examples/**/*.md'];

/** The pages' paths, relative to the repository. */
export function documentedPages(): readonly string[] {
  return pages.flatMap((pattern) => globSync(pattern, { cwd: repository })).sort();
}

/** A page without the fenced blocks, and the blocks with their languages. */
export function readPage(page: string): {
  readonly prose: string;
  readonly blocks: readonly { readonly language: string; readonly text: string }[];
} {
  const text = readFileSync(join(repository, page), 'utf8');
  const fence = /^( *)```([^\n]*)\n([^]*?)^\1```$/gm;
  const blocks = [...text.matchAll(fence)].map(([, indent = '', language = '', body = '']) => ({
    language,
    text: body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }));
  return { prose: text.replaceAll(fence, ''), blocks };
}

/** Every block of commands of every page, each text once per page. */
export function documentedBlocks(): readonly DocumentedBlock[] {
  const found = new Map<string, DocumentedBlock>();
  for (const page of documentedPages()) {
    for (const { language, text } of readPage(page).blocks) {
      if (!isShell(language, text)) continue;
      const [first = ''] = text.split('\n').filter((line) => !line.startsWith('export NS='));
      let key = `${page}: ${first}`;
      for (let count = 2; (found.get(key)?.text ?? text) !== text; count += 1) key = `${page}: ${first} (${count})`;
      found.set(key, { key, page, text });
    }
  }
  return [...found.values()];
}

/** A block without a language also counts, so that none is missed; lines of Redis' ACL file do not. */
function isShell(language: string, text: string): boolean {
  return !text.startsWith('user ') && ['', 'sh', 'bash', 'shell', 'console'].includes(language.trim());
}
