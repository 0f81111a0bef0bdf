import type { JSX } from 'preact';
import type { Rotation } from '@certfleet/operator-api/rotations.ts';
import { t } from '../messages/messages.ts';
import { RelativeTime } from '../ui/relative-time.tsx';
import { bundleText, isOver, podCounts } from './rotation-labels.ts';

/** The pod certificates of a rotation: how many have the new CA, the trust of each signer name, and what is awaited. */
export function RotationPods({ rotation }: { readonly rotation: Rotation }): JSX.Element | null {
  const { podCertificates: pods, reason, phase } = rotation;
  if (pods === undefined) return null;
  const { total, reissued, refreshBy, signers, rolling, notRolled } = pods;
  return (
    <>
      <div>
        <p>
          {refreshBy === undefined || isOver(phase)
            ? podCounts(pods)
            : t.rotations.pods.refreshedBy({ counts: podCounts(pods), at: <RelativeTime at={refreshBy} /> })}
        </p>
        <progress max={Math.max(1, total)} value={reissued} aria-label={t.rotations.pods.progressOf(reason)} />
      </div>
      <ul>
        {signers.map((signer) => (
          <li key={signer.name}>
            {t.rotations.pods.signer({
              name: signer.name,
              bundle: <span class={isBundleTrusted(signer.bundle) ? undefined : 'bad'}>{bundleText(signer)}</span>,
            })}
          </li>
        ))}
      </ul>
      {!isOver(phase) && rolling !== undefined && <p>{t.rotations.pods.rolling(rolling)}</p>}
      {!isOver(phase) && rolling === undefined && notRolled !== undefined && <p class="dim">{notRolled}</p>}
      <Awaited rotation={rotation} />
    </>
  );
}

const isBundleTrusted = (bundle: string): boolean => bundle === 'Verified' || bundle === 'Confirmed';

/** The first pods that the rotation waits for. */
function Awaited({ rotation: { podCertificates: pods, phase } }: { readonly rotation: Rotation }): JSX.Element | null {
  if (pods === undefined || isOver(phase) || pods.awaited.length === 0) return null;
  const { awaited, remaining, unknown } = pods;
  const more = remaining + unknown - awaited.length;
  return (
    <ul>
      {awaited.map(({ namespace, pod, signer, message }) => (
        <li key={`${namespace}/${pod}/${signer}`}>
          {t.rotations.pods.awaited({ pod: `${namespace}/${pod}`, message })}
        </li>
      ))}
      {more > 0 && <li class="dim">{t.rotations.pods.more(more)}</li>}
    </ul>
  );
}
