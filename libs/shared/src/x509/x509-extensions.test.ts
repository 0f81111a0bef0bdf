import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KeyUsage } from './key-usages.ts';
import { readDerChildren } from '../der-reader.ts';
import { basicConstraintsExtension, keyUsageExtensions } from './x509-extensions.ts';

/** Hexadecimal DER of the extension's value. */
function valueOf(extension: Buffer | undefined): string | undefined {
  return extension === undefined ? undefined : readDerChildren(extension).at(-1)?.content.toString('hex');
}

const usages: readonly (readonly [readonly KeyUsage[], string])[] = [
  [['digital signature'], '03020780'],
  [['digital signature', 'key encipherment'], '030205a0'],
  [['signing', 'digital signature'], '03020780'],
  [['encipher only'], '03020001'],
  [['decipher only'], '0303070080'],
];

describe('x509 extensions', () => {
  for (const [names, expected] of usages) {
    test(`encodes ${names.join(' and ')} without trailing zero bits, as DER requires`, () => {
      assert.equal(valueOf(keyUsageExtensions(names, false)[0]), expected);
    });
  }

  test('omits the default in basic constraints, as DER requires', () => {
    assert.equal(valueOf(basicConstraintsExtension(false)), '3000');
    assert.equal(valueOf(basicConstraintsExtension(true)), '30030101ff');
  });
});
