import { labelPattern } from '@certfleet/operator-api/group-pattern.ts';
import { t } from '../messages/messages.ts';
import { joinedNames, namesIn } from '@certfleet/operator-api/several-names.ts';

const form = new RegExp(labelPattern);
const separator = /, ?/;
const partsOf = (filter: string | undefined): readonly (readonly [key: string, value: string])[] =>
  (filter ?? '')
    .split(separator)
    .filter((each) => each.includes('='))
    .map((each) => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)]);

/** The values that a filter by labels has for a key; empty without one. */
export function labelValue(filter: string | undefined, key: string): string {
  return joinedNames(partsOf(filter).flatMap(([each, value]) => (each === key ? [value] : [])));
}

/** A filter by labels with other values for a key, or without the key when there is none. */
export function withLabelValue(filter: string | undefined, key: string, value: string): string {
  const parts = partsOf(filter);
  const at = parts.findIndex(([each]) => each === key);
  const others = parts.filter(([each]) => each !== key);
  const set = namesIn(value).map((each) => [key, each] as const);
  return others
    .toSpliced(at === -1 ? others.length : at, 0, ...set)
    .map((part) => part.join('='))
    .join(',');
}

/** A filter by labels without patterns as a label selector of kubectl. */
export function labelSelector(filter: string): string {
  const keys = new Set(partsOf(filter).map(([key]) => key));
  return [...keys]
    .map((key) => {
      const values = labelValue(filter, key);
      return values.includes(',') ? [key, 'in', `(${values})`].join(' ') : `${key}=${values}`;
    })
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
