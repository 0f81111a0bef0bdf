import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';

import { parse } from 'yaml';

const root = resolve(import.meta.dirname, '..');
const path = join(root, 'packaging/krew/certfleet.yaml');

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly version: string;
    readonly homepage: string;
    readonly shortDescription: string;
    readonly description: string;
    readonly caveats: string;
    readonly platforms: readonly {
      readonly uri: string;
      readonly sha256: string;
      readonly bin: string;
      readonly files: readonly { readonly from: string; readonly to: string }[];
      readonly selector: { readonly matchExpressions: readonly { readonly key: string; readonly values: string[] }[] };
    }[];
  };
}

describe('the manifest of the kubectl plugin', () => {
  test('has what krew requires', () => {
    const values = { VERSION: '0.1.0', HOMEPAGE: 'https://example.com', URI: 'https://example.com/a.tar.gz' };
    let text = readFileSync(path, 'utf8').replaceAll('SHA256', 'a'.repeat(64));
    for (const [name, value] of Object.entries(values))
      text = text.replaceAll(new RegExp(`\\b(v?)${name}\\b`, 'g'), `$1${value}`);
    const { apiVersion, kind, metadata, spec } = parse(text) as Manifest;
    assert.deepEqual(
      [apiVersion, kind, metadata.name],
      ['krew.googlecontainertools.github.com/v1alpha2', 'Plugin', 'certfleet'],
    );
    assert.deepEqual(Object.keys(spec).sort(), [
      ...['caveats', 'description', 'homepage', 'platforms', 'shortDescription', 'version'],
    ]);
    assert.match(spec.version, /^v\d+\.\d+\.\d+$/);
    assert.ok(spec.shortDescription.length <= 50 && !spec.shortDescription.endsWith('.'));
    for (const { uri, sha256, bin, files, selector } of spec.platforms) {
      assert.match(uri, /^https:/);
      assert.match(sha256, /^[0-9a-f]{64}$/);
      assert.ok(
        files.some(({ from }) => from === '*') && bin === 'certfleet.js',
        'the program is in the archive, with the parts that it imports',
      );
      assert.deepEqual(
        selector.matchExpressions.map(({ key }) => key),
        ['os'],
      );
    }
    const { scripts } = JSON.parse(readFileSync(join(root, 'apps/renewal-controller/package.json'), 'utf8')) as {
      scripts: { build: string };
    };
    assert.ok(scripts.build.includes('dist/cli/certfleet.js'), 'the build writes the program of the archive');
    assert.ok(existsSync(join(root, 'LICENSE')));
  });
});
