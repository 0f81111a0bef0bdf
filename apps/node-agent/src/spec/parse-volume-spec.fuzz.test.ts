import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { attributes } from './attributes.ts';
import { parseVolumeSpec } from './parse-volume-spec.ts';
import { hostileValues } from './testing/attribute-vectors.ts';
import type { VolumeSpec } from './volume-spec.ts';

const options = { nodeName: 'node-1', defaultDurationMs: 2_592_000_000, volumeMountGroup: '' };
const podInfo = {
  'csi.storage.k8s.io/pod.name': 'web-0',
  'csi.storage.k8s.io/pod.namespace': 'shop',
  'csi.storage.k8s.io/pod.uid': 'uid-1',
  'csi.storage.k8s.io/serviceAccount.name': 'web',
};
const names = Object.values(attributes).flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias]));
const key = (name: string): string => `csi.cert-manager.io/${name}`;

/** The spec, or undefined if the context is refused; any other error fails the test. */
function tryParse(context: Record<string, string>): VolumeSpec | undefined {
  try {
    return parseVolumeSpec(context, options);
  } catch (error) {
    assert.ok(error instanceof CertfleetError, String(error));
    assert.equal(error.reason, 'InvalidAttributes');
    assert.ok(error.message.length < 64 * 1024);
    assert.doesNotMatch(error.message, /\p{Cc}/u);
    return undefined;
  }
}

describe('parseVolumeSpec with hostile input', () => {
  test('survives each value of the corpus in each attribute', () => {
    for (const name of names) {
      for (const value of hostileValues) {
        tryParse({ ...podInfo, [key('issuer-name')]: 'ca', [key(name)]: value });
      }
    }
  });

  test('survives each value of the corpus as a key and as pod info', () => {
    for (const value of hostileValues) {
      tryParse({
        ...podInfo,
        [key('issuer-name')]: 'ca',
        [value]: 'x',
        [`${value}/${value}`]: value,
        [key(value)]: 'x',
      });
      for (const name of Object.keys(podInfo)) tryParse({ ...podInfo, [key('issuer-name')]: 'ca', [name]: value });
    }
  });

  const value = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom(...hostileValues));
  const context = fc.dictionary(
    fc.oneof(fc.constantFrom(...names).map(key), fc.string(), fc.constantFrom(...hostileValues)),
    value,
    {
      noNullPrototype: true,
    },
  );

  test('throws only CertfleetError, for any context', () => {
    fc.assert(
      fc.property(context, fc.boolean(), (attributesOfVolume, withPod) => {
        tryParse(withPod ? { ...attributesOfVolume, ...podInfo, [key('issuer-name')]: 'ca' } : attributesOfVolume);
      }),
      { numRuns: 1000 },
    );
  });

  test('repeats a password nowhere: not in errors, warnings or the spec', () => {
    const marked = fc.string({ unit: 'binary', maxLength: 8 }).map((text) => `hunter2${text}`);
    fc.assert(
      fc.property(
        context,
        marked,
        fc.constantFrom('pkcs12-password', 'keystore-pkcs12-password', 'jks-password', 'pkcs12-pasword'),
        (attributesOfVolume, password, name) => {
          try {
            const spec = parseVolumeSpec(
              { ...attributesOfVolume, ...podInfo, [key('issuer-name')]: 'ca', [key(name)]: password },
              options,
            );
            assert.ok(!JSON.stringify(spec).includes('hunter2'));
          } catch (error) {
            assert.ok(error instanceof CertfleetError && !error.message.includes('hunter2'));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('returns the values of well-formed attributes', () => {
    const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,10}[a-z0-9])?$/);
    const wellFormed = fc.record({
      issuer: label,
      dnsNames: fc.array(fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))),
      ipv4: fc.array(fc.ipV4()),
      organizations: fc.array(fc.string({ minLength: 1 }).filter((text) => !/[\p{Cc}$]/u.test(text))),
      seconds: fc.integer({ min: 1, max: 1e6 }),
      isCa: fc.boolean(),
      fsGroup: fc.integer({ min: 1, max: 4_294_967_295 }),
    });
    fc.assert(
      fc.property(wellFormed, (wanted) => {
        const spec = parseVolumeSpec(
          {
            ...podInfo,
            [key('issuer-name')]: wanted.issuer,
            [key('dns-names')]: wanted.dnsNames.join(', '),
            [key('ip-sans')]: wanted.ipv4.join(','),
            [key('organizations')]: wanted.organizations.map((text) => `"${text.replaceAll('"', '""')}"`).join(','),
            [key('duration')]: `${wanted.seconds}s`,
            [key('is-ca')]: String(wanted.isCa),
            [key('fs-group')]: String(wanted.fsGroup),
          },
          options,
        );
        assert.equal(spec.issuer.name, wanted.issuer);
        assert.deepEqual(spec.dnsNames, wanted.dnsNames);
        assert.deepEqual(spec.ipAddresses, wanted.ipv4);
        assert.deepEqual(
          spec.subject.flat().map((attribute) => attribute.value),
          wanted.organizations,
        );
        assert.deepEqual(
          [spec.durationMs, spec.isCa, spec.fsGroup],
          [wanted.seconds * 1000, wanted.isCa, wanted.fsGroup],
        );
      }),
      { numRuns: 300 },
    );
  });
});
