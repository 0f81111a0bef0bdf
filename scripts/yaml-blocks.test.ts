// Every YAML example in the documentation is valid, and examples of chart values only use known keys.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';

const root = resolve(import.meta.dirname, '..');
const pages = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' }).trim().split('\n');

const blocks = pages.flatMap((page) =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/^( *)```ya?ml\n([^]*?)^\1```$/gm)].map(
    ([, indent = '', text = '']) => ({ page, text: text.replaceAll(new RegExp(`^${indent}`, 'gm'), '') }),
  ),
);

const documents = blocks.flatMap(({ page, text }) => parseAllDocuments(text).map((document) => ({ page, document })));

describe('documented YAML', () => {
  test('every YAML block of the documentation parses', () => {
    assert.ok(blocks.length > 5);
    const broken = documents.flatMap(({ page, document: { errors, warnings } }) =>
      [...errors, ...warnings].map(({ message }) => ({ page, message })),
    );
    assert.deepEqual(broken, []);
  });

  test('every object has a kind and a name, and values files only use keys of the chart', () => {
    const values = parse(readFileSync(join(root, 'helm/certfleet/values.yaml'), 'utf8')) as object;
    for (const { page, document } of documents) {
      const object = document.toJS() as Readonly<Record<string, unknown>>;
      if ('controller' in object || 'app' in object) assert.deepEqual(unknownKeys(object, values), [], page);
      if (!('apiVersion' in object)) continue;
      assert.equal(typeof object['kind'], 'string', page);
      const { metadata } = object as { readonly metadata?: { readonly name?: string; readonly generateName?: string } };
      assert.match(metadata?.name ?? metadata?.generateName ?? '', /^[a-z0-9-]+$/, page);
    }
  });
});

/** Paths that are missing in the chart's values; an empty map there allows any key. */
function unknownKeys(given: object, known: object, path = ''): readonly string[] {
  return Object.entries(given).flatMap(([key, value]: [string, unknown]) => {
    const own: unknown = (known as Readonly<Record<string, unknown>>)[key];
    if (own === undefined) return [`${path}${key}`];
    if (!isMap(value) || !isMap(own) || Object.keys(own).length === 0) return [];
    return unknownKeys(value, own, `${path}${key}.`);
  });
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
