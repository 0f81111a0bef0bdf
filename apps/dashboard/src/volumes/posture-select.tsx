import type { JSX } from 'preact';
import { t } from '../messages/messages.ts';
import type { FilterName } from './volumes-view.ts';

const texts = t.volumes.posture;

const choices: readonly (readonly [title: string, name: FilterName, value: string])[] = [
  [texts.rsaBelow2048, 'rsaBelow', '2048'],
  [texts.rsaBelow3072, 'rsaBelow', '3072'],
  [texts.sha1, 'signature', '*sha1*'],
  [texts.lifetimeOver90, 'lifetimeOver', '90d'],
  [texts.lifetimeOver398, 'lifetimeOver', '398d'],
  [texts.requestedOver90, 'requestedOver', '90d'],
  [texts.requestedOver398, 'requestedOver', '398d'],
  [texts.isCa, 'isCa', 'true'],
];

/** Adds a filter for properties of certificates; the filters in force are shown as chips. */
export function PostureSelect({ onSet }: { readonly onSet: (name: FilterName, value: string) => void }): JSX.Element {
  return (
    <label class="field">
      <span class="visually-hidden">{texts.title}</span>
      <select
        value=""
        onChange={({ currentTarget: select }) => {
          const [, name, value] = choices[Number(select.value)] ?? [];
          select.value = '';
          if (name !== undefined && value !== undefined) onSet(name, value);
        }}
      >
        <option value="">{texts.any}</option>
        {choices.map(([title], index) => (
          <option key={title} value={String(index)}>
            {title}
          </option>
        ))}
      </select>
    </label>
  );
}
