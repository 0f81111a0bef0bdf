import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { expand } from '@certfleet/shared/expand.ts';
import { expandVariables } from './expand.ts';
import { PodVariables } from './pod-variables.ts';

/** Text, and the result of Go's os.Expand if each name is replaced by itself in angle brackets. */
const vectors = JSON.parse(
  readFileSync(new URL('./testdata/expand.json', import.meta.url), 'utf8'),
) as readonly (readonly [string, string])[];

const pod = { name: 'web-0', namespace: 'shop', uid: 'b2c1', serviceAccountName: 'web' };
const podVariables = new PodVariables({ settings: undefined, values: {}, problems: {}, isExisting: false });
const scope = { pod, nodeName: 'node-1', podVariables };

describe('expand', () => {
  test('expands as Go does', () => {
    assert.equal(vectors.length, 400);
    for (const [text, expected] of vectors) {
      assert.equal(
        expand(text, (name) => `<${name}>`),
        expected,
        JSON.stringify(text),
      );
    }
  });

  test('expands each variable, bare and in braces', () => {
    assert.equal(
      expandVariables('$POD_NAME.${POD_NAMESPACE}/$POD_UID-${SERVICE_ACCOUNT_NAME}@$NODE_NAME', scope),
      'web-0.shop/b2c1-web@node-1',
    );
  });

  test('does not expand the value of a variable', () => {
    assert.equal(expandVariables('$POD_NAME', { ...scope, pod: { ...pod, name: '$POD_UID' } }), '$POD_UID');
  });

  test('names an undefined variable and lists the known ones', () => {
    for (const [text, name] of [
      ['a$Foo', 'Foo'],
      ['${pod_name}', 'pod_name'],
      ['$$', '$'],
      ['$1', '1'],
      ['$POD_NAMES', 'POD_NAMES'],
      ['$constructor', 'constructor'],
    ] as const) {
      assert.throws(() => expandVariables(text, scope), {
        code: 'invalid-argument',
        message: `undefined variable "${name}", known variables: [NODE_NAME POD_NAME POD_NAMESPACE POD_UID SERVICE_ACCOUNT_NAME]`,
      });
    }
  });

  test('keeps an error about a hostile name short and printable', () => {
    assert.throws(
      () => expandVariables(`\${\n${'x'.repeat(100_000)}}`, scope),
      (error: Error) => error.message.length < 400 && !error.message.includes('\n'),
    );
  });

  test('agrees with a concatenation of literals and names, for any well-formed text', () => {
    const literal = fc.string({ maxLength: 8 }).map((text) => text.replaceAll('$', ''));
    const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/);
    fc.assert(
      fc.property(fc.array(fc.record({ literal, name, value: fc.string() })), fc.string(), (parts, tail) => {
        const end = tail.replaceAll('$', '');
        const text = parts.map((part) => `${part.literal}\${${part.name}}`).join('') + end;
        const values = parts.map((part) => part.value);
        let next = 0;
        const names: string[] = [];
        const expanded = expand(text, (found) => {
          names.push(found);
          return values[next++] ?? '';
        });
        assert.deepEqual(
          names,
          parts.map((part) => part.name),
        );
        assert.equal(expanded, parts.map((part) => part.literal + part.value).join('') + end);
      }),
    );
  });
});
