import type { JSX } from 'preact';
import { t } from '../messages/messages.ts';
import { volumeHref } from '../routing/route.ts';
import type { Selection } from './selection.ts';
import { keyOfVolume } from './selection.ts';

/** More are only counted. */
const listed = 100;

/** The selected volumes of all pages of the table, each with its removal. */
export function PickedList({ selection }: { readonly selection: Selection }): JSX.Element {
  const { volumes, picked, deselect } = selection;
  const rest = volumes.length - listed;
  return (
    <details class="picked">
      <summary>{t.volumes.selection.show}</summary>
      <ul>
        {volumes.slice(0, listed).map((volume) => {
          const key = keyOfVolume(volume);
          return (
            <li key={key}>
              <a href={volumeHref(volume.node, volume.volumeId)}>
                {picked.get(key)} <span class="dim small">{key}</span>
              </a>
              <button
                type="button"
                class="quiet"
                aria-label={t.volumes.selection.deselect(key)}
                onClick={() => deselect([key])}
              >
                ×
              </button>
            </li>
          );
        })}
        {rest > 0 && <li class="dim">{t.common.andMore(rest)}</li>}
      </ul>
    </details>
  );
}
