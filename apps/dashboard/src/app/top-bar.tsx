import type { JSX } from 'preact';
import { t } from '../messages/messages.ts';
import type { Route } from '../routing/route.ts';
import { LiveIndicator } from '../live/live-indicator.tsx';
import { Icon } from '../ui/icon.tsx';
import { TimeMenu } from '../time/time-menu.tsx';
import markUrl from '../mark.svg';
import { productName } from './product-name.ts';
import { useServices } from './services.ts';
import type { ThemeName } from './theme.ts';
import { useStore } from './use-store.ts';

const links: readonly (readonly [href: string, title: string, views: readonly Route['view'][]])[] = [
  ['/', t.views.overview, ['overview']],
  ['/at-risk', t.views.atRisk, ['at-risk']],
  ['/volumes', t.views.volumes, ['volumes', 'volume']],
  ['/lanes', t.views.lanes, ['lanes', 'lane']],
  ['/nodes', t.views.nodes, ['nodes', 'node']],
  ['/cas', t.views.cas, ['cas']],
  ['/renewals', t.views.renewals, ['renewals', 'renewal']],
  ['/rotations', t.views.rotations, ['rotations']],
  ['/audit', t.views.audit, ['audit']],
];

const podCertificatesLink = ['/pod-certificates', t.views.podCertificates, ['pod-certificates']] as const;

/** The views; that of pod certificates only if the controller follows them. */
function useLinks(): typeof links {
  const { session } = useServices();
  const state = useStore(session.state);
  if (state.name !== 'signed-in' || state.session.showsPodCertificates !== true) return links;
  return links.flatMap((link) => (link[0] === '/volumes' ? [link, podCertificatesLink] : [link]));
}

/** Navigation, live status, and the signed-in user. */
export function TopBar({ view }: { readonly view: Route['view'] }): JSX.Element {
  return (
    <header class="top">
      <a class="skip" href="#main">
        {t.app.top.skip}
      </a>
      <a class="mark" href="/" aria-label={t.app.top.home}>
        <img src={markUrl} alt="" width="20" height="20" />
        {productName}
      </a>
      <ClusterName />
      <nav aria-label={t.app.top.views}>
        {useLinks().map(([href, title, views]) => (
          <a key={href} href={href} aria-current={views.includes(view) ? 'page' : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <div class="top-end">
        <LiveIndicator />
        <TimeMenu />
        <ThemeButton />
        <Account />
      </div>
    </header>
  );
}

function ClusterName(): JSX.Element | null {
  const { session } = useServices();
  const state = useStore(session.state);
  if (state.name !== 'signed-in' || state.session.cluster === undefined) return null;
  const { cluster } = state.session;
  return (
    <span class="cluster cut" title={t.app.top.cluster(cluster)}>
      <span class="visually-hidden">{t.app.top.clusterLabel}</span>
      {cluster}
    </span>
  );
}

const themes: Readonly<Record<ThemeName, { next: ThemeName; icon: 'device' | 'sun' | 'backing-off' }>> = {
  system: { next: 'light', icon: 'device' },
  light: { next: 'dark', icon: 'sun' },
  dark: { next: 'system', icon: 'backing-off' },
};

function ThemeButton(): JSX.Element {
  const { theme } = useServices();
  const chosen = useStore(theme.chosen);
  const { next, icon } = themes[chosen];
  const label = t.app.top.theme[chosen];
  return (
    <button type="button" class="quiet icon-only" aria-label={label} title={label} onClick={() => theme.choose(next)}>
      <Icon name={icon} />
    </button>
  );
}

function Account(): JSX.Element | null {
  const { session, toasts } = useServices();
  const state = useStore(session.state);
  if (state.name !== 'signed-in') return null;
  const { name, rights, auth } = state.session;
  const signOut = (): void =>
    void session.signOut().catch(() => toasts.say({ tone: 'refused', text: t.app.noResponse }));
  return (
    <>
      {!rights.renew && (
        <span class="tag" title={t.ui.noRenewRight}>
          {t.app.top.viewOnly}
        </span>
      )}
      {auth === 'none' ? (
        <span class="who dim" title={t.app.top.noSignInMeaning}>
          {t.app.top.noSignIn}
        </span>
      ) : (
        <span class="who dim" title={name}>
          {name.replace(/^system:serviceaccount:/, '')}
        </span>
      )}
      {auth === 'kubernetes' && (
        <button
          type="button"
          class="quiet icon-only"
          aria-label={t.app.top.signOut}
          title={t.app.top.signOut}
          onClick={signOut}
        >
          <Icon name="sign-out" />
        </button>
      )}
    </>
  );
}
