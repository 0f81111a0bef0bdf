import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Rotation } from '@certfleet/operator-api/rotations.ts';
import { useServices } from '../app/services.ts';
import type { Resource } from '../live/use-resource.ts';
import { useResource } from '../live/use-resource.ts';
import { t } from '../messages/messages.ts';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { Empty, Loaded } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { RotationCard } from './rotation-card.tsx';
import type { RotationAction } from './rotation-card.tsx';

interface Wanted {
  readonly id: string;
  readonly action: RotationAction;
}

/** CA rotations: their progress through the phases, and what blocks it. */
export function RotationsPage(): JSX.Element {
  const { api } = useServices();
  const rotations = useResource({
    key: 'rotations',
    load: (signal) => api.rotations(signal),
    kinds: ['rotations'],
  });
  const [wanted, setWanted] = useState<Wanted | undefined>(undefined);
  const chosen = rotations.data?.rotations.find(({ id }) => id === wanted?.id);
  return (
    <>
      <PageHead title={t.views.caRotations} />
      <Loaded resource={rotations}>
        {({ rotations: list }) =>
          list.length === 0 ? (
            <Empty title={t.rotations.none}>
              <p>{t.rotations.noneText(<code>certfleet rotations start</code>)}</p>
            </Empty>
          ) : (
            <ul class="cards">
              {list.map((rotation) => (
                <RotationCard
                  key={rotation.id}
                  rotation={rotation}
                  on={rotations}
                  onAction={(action) => setWanted({ id: rotation.id, action })}
                />
              ))}
            </ul>
          )
        }
      </Loaded>
      {wanted !== undefined && chosen !== undefined && (
        <ActionDialog rotation={chosen} action={wanted.action} on={rotations} onClose={() => setWanted(undefined)} />
      )}
    </>
  );
}

interface ActionDialogProps {
  readonly rotation: Rotation;
  readonly action: RotationAction;
  readonly on: Resource<unknown>;
  readonly onClose: () => void;
}

const { actions, consequences } = t.rotations;
const proposedTitles: Partial<Readonly<Record<RotationAction, string>>> = {
  resume: actions.start,
  rollback: actions.reject,
};

function ActionDialog({ rotation, action, on, onClose }: ActionDialogProps): JSX.Element {
  const { api } = useServices();
  const { id, counts, isProposed, awaitsApproval } = rotation;
  const title = (isProposed ? proposedTitles[action] : undefined) ?? actions[action];
  const texts: Readonly<Record<RotationAction, string>> = {
    suspend: consequences.suspend,
    resume: isProposed ? consequences.start(counts.total) : consequences.resume,
    approve: consequences.approve({
      phase: awaitsApproval === undefined ? '' : t.rotations.phases[awaitsApproval],
      files: counts.total,
    }),
    rollback: isProposed ? consequences.reject : consequences.rollback(counts.reissued),
  };
  const act = (): Promise<unknown> =>
    action === 'approve' && awaitsApproval !== undefined
      ? api.approveRotation(id, awaitsApproval)
      : api.changeRotation(id, action);
  return (
    <ConfirmDialog on={on} title={title} action={title} onConfirm={() => act().then(on.refresh)} onClose={onClose}>
      <p>{texts[action]}</p>
    </ConfirmDialog>
  );
}
