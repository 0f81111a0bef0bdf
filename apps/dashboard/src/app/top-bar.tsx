import type { JSX } from 'preact';
import type { Route } from '../routing/route.ts';
import { LiveIndicator } from '../live/live-indicator.tsx';
import { noRenewRight } from '../ui/action-button.tsx';
import { Icon } from '../ui/icon.tsx';
import { TimeMenu } from '../time/time-menu.tsx';
import markUrl from '../mark.svg';
import { useServices } from './services.ts';
import type { ThemeName } from './theme.ts';
import { useStore } from './use-store.ts';

const links: readonly (readonly [href: string, title: string, views: readonly Route['view'][]])[] = [
  ['/', 'Overview', ['overview']],
  ['/at-risk', 'At risk', ['at-risk']],
  ['/volumes', 'Volumes', ['volumes', 'volume']],
  ['/lanes', 'Lanes', ['lanes', 'lane']],
  ['/nodes', 'Nodes', ['nodes', 'node']],
  ['/cas', 'CAs', ['cas']],
  ['/renewals', 'Renewals', ['renewals', 'renewal']],
  ['/rotations', 'Rotations', ['rotations']],
  ['/audit', 'Audit', ['audit']],
];

const podCertificatesLink = ['/pod-certificates', 'Pod certificates', ['pod-certificates']] as const;

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
        Skip to the content
      </a>
      <a class="mark" href="/" aria-label="certfleet, overview">
        <img src={markUrl} alt="" width="20" height="20" />
        certfleet
      </a>
      <ClusterName />
      <nav aria-label="Views">
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
    <span class="cluster cut" title={`Cluster ${cluster}`}>
      <span class="visually-hidden">Cluster </span>
      {cluster}
    </span>
  );
}

const themes: Readonly<Record<ThemeName, { next: ThemeName; icon: 'device' | 'sun' | 'backing-off'; title: string }>> =
  {
    system: { next: 'light', icon: 'device', title: 'as the device' },
    light: { next: 'dark', icon: 'sun', title: 'light' },
    dark: { next: 'system', icon: 'backing-off', title: 'dark' },
  };

function ThemeButton(): JSX.Element {
  const { theme } = useServices();
  const { next, icon, title } = themes[useStore(theme.chosen)];
  const label = `Theme: ${title}. Change to ${themes[next].title}`;
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
    void session.signOut().catch(() => toasts.say({ tone: 'refused', text: 'The controller does not respond.' }));
  return (
    <>
      {!rights.renew && (
        <span class="tag" title={noRenewRight}>
          view only
        </span>
      )}
      {auth === 'none' ? (
        <span class="who dim" title="Started without sign-in, on the loopback interface only">
          no sign-in
        </span>
      ) : (
        <span class="who dim" title={name}>
          {name.replace(/^system:serviceaccount:/, '')}
        </span>
      )}
      {auth === 'kubernetes' && (
        <button type="button" class="quiet icon-only" aria-label="Sign out" title="Sign out" onClick={signOut}>
          <Icon name="sign-out" />
        </button>
      )}
    </>
  );
}
