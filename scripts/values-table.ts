import { isMap, isNode, isScalar, parseDocument } from 'yaml';
import type { YAMLMap } from 'yaml';

interface Value {
  readonly path: string;
  readonly fallback: string;
  readonly comment: string;
}

/** The page docs/reference/values.md for the text of a values.yaml whose every value is preceded by a comment. */
export function valuesReference(yaml: string): string {
  const document = parseDocument(yaml);
  if (!isMap(document.contents)) throw new Error('expected values.yaml to hold a mapping');
  const rows = valuesOf(document.contents, '').map(
    ({ path, fallback, comment }) => `| \`${path}\` | \`${fallback}\` | ${comment.replaceAll('|', '\\|')} |`,
  );
  return [
    '# Chart values',
    '',
    'Generated from `helm/certfleet/values.yaml` by `node scripts/values-reference.ts`; a test compares the two.',
    '',
    '| value | default | meaning |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

/** A value per line of the page: a mapping is one value when it says what it is for, else its members are. */
function valuesOf(map: YAMLMap, prefix: string): Value[] {
  return map.items.flatMap((pair, index) => {
    const { key, value } = pair;
    if (!isScalar(key)) throw new Error('expected every key to be a plain word');
    const path = `${prefix}${String(key.value)}`;
    // The parser gives the comment above a mapping's first key to the mapping itself.
    const comment = text(index === 0 && prefix !== '' ? map.commentBefore : key.commentBefore);
    if (isMap(value) && value.items.length > 0 && comment === '') return valuesOf(value, `${path}.`);
    if (comment === '') throw new Error(`expected a comment above ${path}`);
    return [{ path, fallback: JSON.stringify(isNode(value) ? value.toJSON() : value), comment }];
  });
}

/** A comment as one paragraph; what stands apart above it (the head of the file) is left out. */
function text(comment: string | null | undefined): string {
  return (comment ?? '').split('\n\n').at(-1)?.replaceAll(/\s+/g, ' ').trim() ?? '';
}
