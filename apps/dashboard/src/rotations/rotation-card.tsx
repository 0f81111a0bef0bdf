import type { JSX } from 'preact';
import type { Rotation } from '@certfleet/operator-api/rotations.ts';
import { t } from '../messages/messages.ts';
import { auditHref, nodeHref, volumeHref } from '../routing/route.ts';
import { ActionButton } from '../ui/action-button.tsx';
import type { ActionBasis } from '../ui/action-button.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { isOver, phaseProgress, stateLabel } from './rotation-labels.ts';
import { RotationPods } from './rotation-pods.tsx';

export type RotationAction = 'suspend' | 'resume' | 'approve' | 'rollback';

interface RotationCardProps {
  readonly rotation: Rotation;
  readonly on: ActionBasis;
  readonly onAction: (action: RotationAction) => void;
}

/** One rotation: the progress of each phase, and what the current one waits for. */
export function RotationCard({ rotation, on, onAction }: RotationCardProps): JSX.Element {
  const { id, reason, by, createdAt, message, counts } = rotation;
  return (
    <li class="card">
      <div class="card-head">
        <div>
          <h2>{reason}</h2>
          <p class="dim">
            {t.rotations.requestedBy({ id, by, at: <RelativeTime at={createdAt} /> })}{' '}
            <a class="small" href={auditHref({ target: `rotation ${id}` })}>
              {t.rotations.audited}
            </a>
          </p>
        </div>
        <span class={isOver(rotation.phase) ? 'word word-finished' : 'word word-running'}>{stateLabel(rotation)}</span>
        <Actions rotation={rotation} on={on} onAction={onAction} />
      </div>
      {phaseProgress(rotation).map(({ phase, title, done, state }) => (
        <div key={phase}>
          <p class={state === 'later' ? 'dim' : undefined}>
            {state === 'current' ? t.rotations.progressCount({ title, done, total: counts.total }) : title}
          </p>
          <progress
            max={Math.max(1, counts.total)}
            value={done}
            aria-label={t.rotations.progressOf({ phase: t.rotations.phases[phase], reason })}
          />
        </div>
      ))}
      {message !== undefined && <p>{message}</p>}
      <Blocking rotation={rotation} />
      <RotationPods rotation={rotation} />
    </li>
  );
}

function Actions({ rotation, on, onAction }: RotationCardProps): JSX.Element | null {
  const { phase, isSuspended, isProposed, awaitsApproval, direction } = rotation;
  if (isOver(phase)) return null;
  const toggle = isSuspended ? 'resume' : 'suspend';
  const toggleText = isSuspended ? t.rotations.resume : t.rotations.suspend;
  return (
    <>
      {awaitsApproval !== undefined && (
        <ActionButton on={on} onClick={() => onAction('approve')}>
          {t.rotations.approve(t.rotations.phases[awaitsApproval])}
        </ActionButton>
      )}
      <ActionButton on={on} onClick={() => onAction(toggle)}>
        {isProposed ? t.rotations.start : toggleText}
      </ActionButton>
      {direction === 'Forward' && (
        <ActionButton on={on} onClick={() => onAction('rollback')}>
          {isProposed ? t.rotations.reject : t.rotations.rollBack}
        </ActionButton>
      )}
    </>
  );
}

/** The first volumes, nodes and issuers that the phase waits for. */
function Blocking({ rotation }: { readonly rotation: Rotation }): JSX.Element | null {
  const { volumes, nodes, issuers } = rotation.blocking;
  const { blocked } = rotation.counts;
  if (isOver(rotation.phase) || volumes.length + nodes.length + issuers.length === 0) return null;
  return (
    <ul>
      {issuers.map((issuer) => (
        <li key={issuer}>{t.rotations.blockingIssuer(issuer)}</li>
      ))}
      {nodes.map((node) => (
        <li key={node}>{t.rotations.blockingNode(<a href={nodeHref(node)}>{node}</a>)}</li>
      ))}
      {volumes.map(({ node, volumeId, namespace, pod, message }) => (
        <li key={`${node}/${volumeId}`}>
          {t.rotations.blockingPod(
            <a href={volumeHref(node, volumeId)}>
              {namespace}/{pod}
            </a>,
          )}
          {message !== undefined && <span class="bad">{t.rotations.blockingMessage(message)}</span>}
        </li>
      ))}
      {blocked > volumes.length && <li class="dim">{t.rotations.moreVolumes(blocked - volumes.length)}</li>}
    </ul>
  );
}
