import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { AuditPage } from '../audit/audit-page.tsx';
import { CasPage } from '../cas/cas-page.tsx';
import { LanePage } from '../lanes/lane-page.tsx';
import { LanesPage } from '../lanes/lanes-page.tsx';
import { t } from '../messages/messages.ts';
import { NodePage } from '../nodes/node-page.tsx';
import { NodesPage } from '../nodes/nodes-page.tsx';
import { OverviewPage } from '../overview/overview-page.tsx';
import { PodCertificatesPage } from '../pod-certificates/pod-certificates-page.tsx';
import { RenewalPage } from '../renewals/renewal-page.tsx';
import { RenewalsPage } from '../renewals/renewals-page.tsx';
import { RotationsPage } from '../rotations/rotations-page.tsx';
import { routeOf, safeReturn } from '../routing/route.ts';
import type { PlainView, Route } from '../routing/route.ts';
import type { SessionState } from '../session/session-keeper.ts';
import { SignInDialog, SignInPage } from '../session/sign-in-page.tsx';
import { Empty, Failed, Loading } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { ToastList } from '../ui/toast-list.tsx';
import { VerdictKeeper } from '../verdict/verdict-keeper.tsx';
import { WallPage } from '../verdict/wall-page.tsx';
import { VolumePage } from '../volume/volume-page.tsx';
import { VolumesPage } from '../volumes/volumes-page.tsx';
import { usePlace, useServices } from './services.ts';
import { CommandPalette } from './command-palette.tsx';
import { ShortcutsDialog } from './shortcuts-dialog.tsx';
import { PageNotices } from './page-notices.tsx';
import { TopBar } from './top-bar.tsx';
import { useStore } from './use-store.ts';

const retryMs = 3000;

/** Whether the view stays in memory behind the sign-in: a session ended while it was in use, not by its user. */
const hasEnded = (state: SessionState): boolean => state.name === 'signed-out' && state.hasEnded;

/** The page: the sign-in form without a session, otherwise the view of the address. */
export function App(): JSX.Element {
  const { session, router, live, clock, times } = useServices();
  // Every text with a time is rendered again in another zone.
  useStore(times.chosen);
  const { pathname, search } = usePlace();
  const state = useStore(session.state);
  const route = routeOf(pathname);
  useEffect(() => {
    if (state.name === 'signed-in') {
      live.start();
      if (route.view === 'sign-in') router.go(safeReturn(new URLSearchParams(search).get('from')), { replace: true });
      return undefined;
    }
    live.stop();
    if (state.name === 'signed-out' && !state.hasEnded && route.view !== 'sign-in') {
      router.go(`/sign-in?from=${encodeURIComponent(pathname + search)}`, { replace: true });
    }
    return state.name === 'unknown' ? clock.schedule(retryMs, () => void session.ask()) : undefined;
  }, [state]);
  if (route.view === 'sign-in' && state.name !== 'signed-in') {
    return (
      <>
        <SignInPage />
        <ToastList />
      </>
    );
  }
  return <Frame route={route} state={state} />;
}

interface FrameProps {
  readonly route: Route;
  readonly state: SessionState;
}

/** The view with what surrounds it; nothing surrounds the wall. */
function Frame({ route, state }: FrameProps): JSX.Element {
  const { session } = useServices();
  const isInterrupted = hasEnded(state);
  const isWall = route.view === 'wall';
  return (
    <>
      {state.name === 'signed-in' && <VerdictKeeper />}
      {!isWall && <TopBar view={route.view} />}
      <main id="main" class={isWall ? 'wall' : undefined} hidden={isInterrupted}>
        {state.name === 'unknown' && <Failed error={state.error} onRetry={() => void session.ask()} />}
        {state.name === 'asking' && <Loading />}
        {state.name === 'signed-in' && !isWall && <PageNotices />}
        {(state.name === 'signed-in' || isInterrupted) && <View route={route} />}
      </main>
      {isInterrupted && <SignInDialog />}
      <Overlays />
      <ToastList />
    </>
  );
}

/** What keys open over every view. */
function Overlays(): JSX.Element | null {
  const { overlay } = useServices();
  const close = (): void => overlay.set(undefined);
  switch (useStore(overlay)) {
    case 'palette':
      return <CommandPalette onClose={close} />;
    case 'shortcuts':
      return <ShortcutsDialog onClose={close} />;
    case undefined:
      return null;
  }
}

const plainViews: Readonly<Record<PlainView | 'unknown', () => JSX.Element | null>> = {
  overview: () => <OverviewPage />,
  wall: () => <WallPage />,
  'at-risk': () => <VolumesPage key="at-risk" path="/at-risk" />,
  volumes: () => <VolumesPage key="volumes" path="/volumes" />,
  'pod-certificates': () => <PodCertificatesPage />,
  lanes: () => <LanesPage />,
  nodes: () => <NodesPage />,
  cas: () => <CasPage />,
  renewals: () => <RenewalsPage />,
  rotations: () => <RotationsPage />,
  audit: () => <AuditPage />,
  'sign-in': () => null,
  unknown: () => <NothingHere />,
};

function View({ route }: { readonly route: Route }): JSX.Element | null {
  if ('volumeId' in route) return <VolumePage key={route.volumeId} node={route.node} volumeId={route.volumeId} />;
  if ('node' in route) return <NodePage key={route.node} node={route.node} />;
  if (!('id' in route)) return plainViews[route.view]();
  return route.view === 'lane' ? (
    <LanePage key={route.id} id={route.id} />
  ) : (
    <RenewalPage key={route.id} id={route.id} />
  );
}

function NothingHere(): JSX.Element {
  return (
    <>
      <PageHead title={t.app.notFound.title} />
      <Empty title={t.app.notFound.heading}>
        <p>
          {t.app.notFound.text({
            overview: (text) => <a href="/">{text}</a>,
            volumes: (text) => <a href="/volumes">{text}</a>,
          })}
        </p>
      </Empty>
    </>
  );
}
