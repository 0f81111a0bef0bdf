import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Rotation } from '@certfleet/operator-api/rotations.ts';
import { useServices } from '../app/services.ts';
import type { Resource } from '../live/use-resource.ts';
import { useResource } from '../live/use-resource.ts';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { counted } from '../ui/count.ts';
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
      <PageHead title="CA rotations" />
      <Loaded resource={rotations}>
        {({ rotations: list }) =>
          list.length === 0 ? (
            <Empty title="No CA rotations">
              <p>
                A rotation replaces a CA while all pods keep trusting each other. Start one with{' '}
                <code>certfleet rotations start</code>.
              </p>
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

const proposedTitles: Partial<Readonly<Record<RotationAction, string>>> = {
  resume: 'Start this rotation',
  rollback: 'Reject this rotation',
};

const titles: Readonly<Record<RotationAction, string>> = {
  suspend: 'Suspend this rotation',
  resume: 'Resume this rotation',
  approve: 'Approve the next phase',
  rollback: 'Roll back this rotation',
};

function ActionDialog({ rotation, action, on, onClose }: ActionDialogProps): JSX.Element {
  const { api } = useServices();
  const { id, counts, isProposed, awaitsApproval } = rotation;
  const title = (isProposed ? proposedTitles[action] : undefined) ?? titles[action];
  const texts: Readonly<Record<RotationAction, string>> = {
    suspend: 'Nothing more is started, and no further phase begins. CA files keep the roots of both CAs.',
    resume: isProposed
      ? `The roots of both CAs are added to ${counted(counts.total, 'CA file')}; then the volumes of the old CA are reissued. Compare the new CA with its owner first.`
      : 'The rotation continues.',
    approve: `The phase ${awaitsApproval ?? ''} begins. In Retire, the root of the replaced CA leaves ${counted(counts.total, 'CA file')}.`,
    rollback: isProposed
      ? 'Nothing is changed, and it is not proposed again.'
      : `The replaced CA is used again: switch the issuers back. ${counted(counts.reissued, 'volume')} with a certificate of the new CA are reissued. A rollback cannot be withdrawn.`,
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
