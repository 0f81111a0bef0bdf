import { labelPattern } from '@certfleet/operator-api/group-pattern.ts';
import { t } from '../messages/messages.ts';

const form = new RegExp(labelPattern);
const separator = /, ?/;
const partsOf = (filter: string | undefined): readonly (readonly [key: string, value: string])[] =>
  (filter ?? '')
    .split(separator)
    .filter((each) => each.includes('='))
    .map((each) => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)]);

/** The value that a filter by labels has for a key; empty without one. */
export function labelValue(filter: string | undefined, key: string): string {
  return partsOf(filter).find(([each]) => each === key)?.[1] ?? '';
}

/** A filter by labels with another value for a key, or without the key when the value is empty. */
export function withLabelValue(filter: string | undefined, key: string, value: string): string {
  const parts = partsOf(filter);
  const at = parts.findIndex(([each]) => each === key);
  const others = parts.filter(([each]) => each !== key);
  const set = value === '' ? [] : [[key, value] as const];
  return others
    .toSpliced(at === -1 ? others.length : at, 0, ...set)
    .map((part) => part.join('='))
    .join(',');
}

/** The keys of a filter by labels that are none of these. */
export function otherLabels(filter: string | undefined, keys: readonly string[]): readonly string[] {
  return partsOf(filter)
    .map(([key]) => key)
    .filter((key) => !keys.includes(key));
}

/** Why a text is no part of a label's value; undefined if it is. */
export function labelProblem(text: string): string | undefined {
  return form.test(`key=${text}`) ? undefined : t.volumes.labelProblem;
}
