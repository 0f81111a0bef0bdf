import { isMap, isNode, isScalar, parseDocument } from 'yaml';
import type { YAMLMap } from 'yaml';

interface Value {
  readonly path: string;
  readonly fallback: string;
  readonly comment: string;
}

/** Renders docs/reference/values.md from a values.yaml in which every value has a comment. */
export function valuesReference(yaml: string): string {
  const document = parseDocument(yaml);
  if (!isMap(document.contents)) throw new Error('values.yaml is not a mapping');
  const rows = valuesOf(document.contents, '').map(
    ({ path, fallback, comment }) => `| \`${path}\` | \`${fallback}\` | ${comment.replaceAll('|', '\\|')} |`,
  );
  return [
    '# Chart values',
    '',
    'Generated from `helm/certfleet/values.yaml` by `node scripts/values-reference.ts`; a test checks that it is up to date.',
    '',
    '| value | default | meaning |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

/** The values in order: a mapping with a comment is one value, otherwise its members are listed. */
function valuesOf(map: YAMLMap, prefix: string): Value[] {
  return map.items.flatMap((pair, index) => {
    const { key, value } = pair;
    if (!isScalar(key)) throw new Error('a key of values.yaml is not a plain string');
    const path = `${prefix}${String(key.value)}`;
    // The parser attaches the comment above a mapping's first key to the mapping itself.
    const comment = text(index === 0 && prefix !== '' ? map.commentBefore : key.commentBefore);
    if (isMap(value) && value.items.length > 0 && comment === '') return valuesOf(value, `${path}.`);
    if (comment === '') throw new Error(`${path} has no comment above it in values.yaml`);
    return [{ path, fallback: JSON.stringify(isNode(value) ? value.toJSON() : value), comment }];
  });
}

/** A comment as one paragraph, without detached text above it (the head of the file). */
function text(comment: string | null | undefined): string {
  return (comment ?? '').split('\n\n').at(-1)?.replaceAll(/\s+/g, ' ').trim() ?? '';
}
