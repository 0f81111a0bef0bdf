import type { JSX } from 'preact';
import type { FilterName } from './volumes-view.ts';

const choices: readonly (readonly [title: string, name: FilterName, value: string])[] = [
  ['RSA below 2048 bits', 'rsaBelow', '2048'],
  ['RSA below 3072 bits', 'rsaBelow', '3072'],
  ['Signed with SHA-1', 'signature', '*sha1*'],
  ['Lifetime over 90 days', 'lifetimeOver', '90d'],
  ['Lifetime over 398 days', 'lifetimeOver', '398d'],
  ['May sign certificates (CA)', 'isCa', 'true'],
  ['For clients', 'usage', 'client auth'],
];

/** Adds a filter for properties of certificates; the filters in force are shown as chips. */
export function PostureSelect({ onSet }: { readonly onSet: (name: FilterName, value: string) => void }): JSX.Element {
  return (
    <label class="field">
      <span class="visually-hidden">Certificates with</span>
      <select
        value=""
        onChange={({ currentTarget: select }) => {
          const [, name, value] = choices[Number(select.value)] ?? [];
          select.value = '';
          if (name !== undefined && value !== undefined) onSet(name, value);
        }}
      >
        <option value="">Any certificate</option>
        {choices.map(([title], index) => (
          <option key={title} value={String(index)}>
            {title}
          </option>
        ))}
      </select>
    </label>
  );
}
