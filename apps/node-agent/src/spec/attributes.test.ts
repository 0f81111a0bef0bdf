import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { referencePath, renderAttributeReference } from '../../../../scripts/generate-attribute-reference.ts';
import type { Attribute } from './attribute.ts';
import { attributes } from './attributes.ts';

const table = Object.values<Attribute<unknown>>(attributes);

describe('attribute table', () => {
  test('declares each name and alias once', () => {
    const names = table.flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias]));
    assert.equal(new Set(names).size, names.length);
  });

  test('expands variables in the same attributes as csi-driver, in ip-sans, and in the name that probes send', () => {
    assert.deepEqual(
      table.filter(({ expands }) => expands === true).map(({ name }) => name),
      [
        'common-name',
        'literal-subject',
        'organizations',
        'organizationalunits',
        'countries',
        'provinces',
        'localities',
        'streetaddresses',
        'postalcodes',
        'dns-names',
        'uri-sans',
        'ip-sans',
        'probe-server-name',
      ],
    );
  });

  test('agrees with the reference page', async () => {
    assert.equal(readFileSync(referencePath, 'utf8'), await renderAttributeReference());
  });
});
