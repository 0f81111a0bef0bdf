// On call, people search the runbook for the message that they see.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';

const root = resolve(import.meta.dirname, '..');
/** Shorter parts are found anywhere. */
const minLength = 5;

const spaced = (text: string): string => text.replaceAll(/\s+/g, ' ');

/** The sources of all programs and policies, with the parts of long texts joined. */
function sources(): string {
  const files = execFileSync('git', ['ls-files', 'apps', 'libs', 'helm/certfleet/templates'], {
    cwd: root,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((file) => /\.(tsx?|yaml)$/.test(file) && !file.includes('.test.'));
  const text = files.map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
  return spaced(text.replaceAll(/['"`] \+\s+['"`]/g, ''));
}

/** What the runbook quotes, without blocks of commands and headings; `…` stands for any text. */
function quotedParts(): readonly string[] {
  const page = readFileSync(join(root, 'docs/runbook.md'), 'utf8')
    .replaceAll(/```.*?```/gs, '')
    .replaceAll(/^#.*$/gm, '');
  const quotes = [...spaced(page).matchAll(/"([^"]+)"/g)].map(([, quote = '']) => quote);
  return quotes
    .flatMap((quote) => quote.split('…'))
    .map((part) => part.trim())
    .filter((part) => part.length >= minLength);
}

describe('the runbook', () => {
  test('quotes messages as the programs write them', () => {
    const parts = quotedParts();
    assert.ok(parts.length > 20);
    const code = sources();
    assert.deepEqual(
      parts.filter((part) => !code.includes(part)),
      [],
    );
  });
});
