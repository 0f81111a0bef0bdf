import type { JSX } from 'preact';
import type { PostureSummary } from '@certfleet/operator-api/summary.ts';
import { t } from '../messages/messages.ts';
import { formatCount } from '../ui/count.ts';
import { limitText } from '../ui/posture-texts.ts';

/** The limits for certificates and how many violate them, each a link to the volumes. Nothing without limits. */
export function PosturePanel({ posture }: { readonly posture: PostureSummary | undefined }): JSX.Element | null {
  if (posture === undefined || posture.violations.length === 0) return null;
  const { violations, unknown } = posture;
  return (
    <section class="panel" aria-labelledby="posture">
      <div class="panel-head">
        <h2 id="posture">{t.overview.posture.title}</h2>
      </div>
      <dl class="facts-row">
        {violations.map((limit) => (
          <div key={limit.kind}>
            <dt>{limitText(limit)}</dt>
            <dd>
              <a href={limit.link} class={limit.count > 0 ? 'big bad' : 'big'}>
                {formatCount(limit.count)}
              </a>
            </dd>
          </div>
        ))}
      </dl>
      {unknown > 0 && <p class="dim small">{t.overview.posture.notCounted(unknown)}</p>}
    </section>
  );
}
