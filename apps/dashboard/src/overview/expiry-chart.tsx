import type { JSX } from 'preact';
import type { Timeline } from '@certfleet/operator-api/timeline.ts';
import { t } from '../messages/messages.ts';
import { volumesHref } from '../routing/route.ts';
import { formatCount } from '../ui/count.ts';
import { expiryHref } from './span-links.ts';

/** The distribution of expiry times, as bars in a table for screen readers. */
export function ExpiryChart({ expiry }: { readonly expiry: Timeline['expiry'] }): JSX.Element {
  const most = Math.max(1, ...expiry.map(({ count }) => count));
  return (
    <section class="panel" aria-labelledby="expiry">
      <div class="panel-head">
        <h2 id="expiry">{t.overview.expiry.title}</h2>
      </div>
      <table class="bars">
        <caption class="visually-hidden">{t.overview.expiry.caption}</caption>
        <thead class="visually-hidden">
          <tr>
            <th scope="col">{t.overview.expiry.expiresIn}</th>
            <th scope="col">{t.overview.expiry.share}</th>
            <th scope="col">{t.overview.expiry.certificates}</th>
          </tr>
        </thead>
        <tbody>
          {expiry.map(({ span, label, from, to, count }) => (
            <tr key={label}>
              <th scope="row">
                <a href={linkOf(from, to)}>{spanText(span, label)}</a>
              </th>
              <td>
                <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
                  <rect
                    class={from === undefined ? 'fill-expired' : 'fill-bar'}
                    width={count === 0 ? 0 : Math.max(1, (count / most) * 100)}
                    height="8"
                  />
                </svg>
              </td>
              <td class="number">{formatCount(count)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** A controller of another release may not send the span, or know others: its label is English. */
function spanText(span: string, label: string): string {
  const texts: Readonly<Partial<Record<string, string>>> = t.overview.expiry.spans;
  return Object.hasOwn(texts, span) ? (texts[span] ?? label) : label;
}

/** A span without a start is the past. */
const linkOf = (from: string | undefined, to: string | undefined): string =>
  from === undefined ? volumesHref({ state: 'expired' }) : expiryHref(from, to);
