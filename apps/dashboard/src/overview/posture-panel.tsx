import type { JSX } from 'preact';
import type { PostureSummary } from '@certfleet/operator-api/summary.ts';
import { t } from '../messages/messages.ts';
import { formatCount } from '../ui/count.ts';

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
        {violations.map(({ kind, text, count, link }) => (
          <div key={kind}>
            <dt>{text}</dt>
            <dd>
              <a href={link} class={count > 0 ? 'big bad' : 'big'}>
                {formatCount(count)}
              </a>
            </dd>
          </div>
        ))}
      </dl>
      {unknown > 0 && <p class="dim small">{t.overview.posture.notCounted(unknown)}</p>}
    </section>
  );
}
