import type { JSX } from 'preact';
import type { Rotations } from '@certfleet/operator-api/rotations.ts';
import type { Resource } from '../live/use-resource.ts';
import { Icon } from '../ui/icon.tsx';

/** The rotations that the controller proposes, because an issuer signs with another CA than before. */
export function ProposedRotations({ rotations }: { readonly rotations: Resource<Rotations> }): JSX.Element | null {
  const proposed = rotations.data?.rotations.filter(({ isProposed }) => isProposed) ?? [];
  if (proposed.length === 0) return null;
  return (
    <div class={`notice notice-warning datum ${rotations.isCurrent ? '' : 'stale'}`} role="status">
      <Icon name="warning" />
      <div>
        {proposed.map(({ id, reason }) => (
          <p key={id}>{reason}.</p>
        ))}
        <p class="dim">Pods with a certificate of the old CA may not trust the new one.</p>
      </div>
      <a class="button" href="/rotations">
        Review the rotation
      </a>
    </div>
  );
}
