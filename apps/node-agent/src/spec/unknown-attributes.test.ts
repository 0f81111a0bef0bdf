import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseVolumeSpec } from './parse-volume-spec.ts';
import type { VolumeSpec } from './volume-spec.ts';

const base = {
  'csi.storage.k8s.io/pod.name': 'web-0',
  'csi.storage.k8s.io/pod.namespace': 'shop',
  'csi.storage.k8s.io/pod.uid': 'uid-1',
  'csi.storage.k8s.io/serviceAccount.name': 'web',
  'csi.cert-manager.io/issuer-name': 'ca',
  'csi.cert-manager.io/common-name': 'web',
};
const parse = (attributes: Record<string, string>, strictAttributes = false): VolumeSpec =>
  parseVolumeSpec({ ...base, ...attributes }, { defaultDurationMs: 1, volumeMountGroup: '', strictAttributes });

const misspelt = [
  'csi.cert-manager/dns-names',
  'csi.certmanager.io/dns-names',
  'CSI.cert-manager.io/dns-names',
  'cert-manager.io/dns-names',
  'csi.cert-manager.oi/dns-names',
  'csi.cert-manager.io.example/dns-names',
];

describe('parseUnknownAttributes', () => {
  test('warns of a misspelt group of the driver, and suggests the attribute', () => {
    for (const key of misspelt) {
      const { warnings, annotations } = parse({ [key]: 'a' });
      assert.equal(warnings.length, 1, key);
      assert.match(warnings[0] ?? '', /is not of the group csi\.cert-manager\.io.*did you mean ".*\/dns-names"\?/);
      assert.equal(annotations[key], 'a');
    }
  });

  test('accepts annotations of other groups', () => {
    const annotations = { 'policy.cert-manager.io/team': 'x', 'example.com/dns-names': 'x', 'team/owner': 'x' };
    for (const strict of [false, true]) {
      const spec = parse(annotations, strict);
      assert.deepEqual([spec.warnings, spec.annotations], [[], annotations]);
    }
  });

  test('in strict mode rejects unknown and misspelt attributes, and never repeats the value', () => {
    for (const key of [...misspelt, 'csi.cert-manager.io/dns-name', 'dns-names']) {
      assert.throws(
        () => parse({ [key]: 'hunter2' }, true),
        (error: Error) => {
          assert.match(error.message, /: Forbidden: .*refuses attributes that the driver does not know/);
          assert.ok(!error.message.includes('hunter2'));
          return true;
        },
        key,
      );
    }
  });

  test('in strict mode rejects an attribute that has no effect', () => {
    const ignored = { 'csi.cert-manager.io/renew-before': '0s' };
    assert.match(parse(ignored).warnings.join(), /renew-before: is ignored, it is not greater than 0$/);
    assert.throws(() => parse(ignored, true), /renew-before: Invalid value: "0s": has no effect, it is not greater/);
  });

  test('lists unknown attributes in an error about others', () => {
    assert.throws(
      () =>
        parse({
          'csi.cert-manager.io/dns-name': 'a',
          'csi.cert-manager.io/durations': '1h',
          'csi.cert-manager.io/key-usages': 'nonsense',
        }),
      /key-usages: Invalid value.*"csi\.cert-manager\.io\/dns-name" is ignored.*"csi\.cert-manager\.io\/durations" is ignored/,
    );
    assert.throws(
      () => parse({ 'csi.cert-manager.io/dns-name': 'a', 'csi.cert-manager.io/duration': '0s' }),
      /duration: Invalid value.*unknown attribute ".*dns-name" is ignored, did you mean ".*dns-names"/,
    );
  });

  /** CPU time of this thread in milliseconds: other work on the machine does not count. */
  function cpuMs(work: () => void): number {
    const before = process.threadCpuUsage();
    try {
      work();
    } catch {
      // A refusal costs time too.
    }
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1000;
  }

  test('takes only a moment for the worst contexts', () => {
    const usages = (item: string): string =>
      Array(Math.floor(65_536 / (item.length + 1)))
        .fill(item)
        .join(',');
    const many = (key: (index: number) => string): Record<string, string> =>
      Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [key(index), '']));
    const worst: Record<string, string>[] = [
      many((index) => `csi.cert-manager.io/${'x'.repeat(50)}${index}`),
      many((index) => `csi.cert-manager/${'x'.repeat(50)}${index}`),
      many((index) => `${'x'.repeat(20)}${index}/y z`),
      Object.fromEntries(
        Object.entries(many((index) => `csi.cert-manager.io/${'x'.repeat(40)}${index}`)).slice(0, 500),
      ),
      Object.fromEntries(Object.entries(many((index) => `csi.cert-manager${index}/${'x'.repeat(40)}`)).slice(0, 500)),
      { 'csi.cert-manager.io/key-usages': usages('signin') },
      { 'csi.cert-manager.io/key-usages': usages('signin'.repeat(10)) },
      { 'csi.cert-manager.io/dns-names': usages('_') },
      { 'csi.cert-manager.io/ip-sans': usages('::') },
      { 'csi.cert-manager.io/uri-sans': usages('a:b') },
      { 'csi.cert-manager.io/countries': usages('x') },
      { 'csi.cert-manager.io/common-name': '${POD_NAME}'.repeat(90_000) },
    ];
    for (const context of worst) {
      const [name = ''] = Object.keys(context);
      const lenient = { defaultDurationMs: 1, volumeMountGroup: '', lenient: true };
      assert.ok(cpuMs(() => parse(context)) < 300, name);
      assert.ok(cpuMs(() => parseVolumeSpec({ ...base, ...context }, lenient)) < 500, name);
    }
  });
});
