import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { AuditPage } from '../audit/audit-page.tsx';
import { LanePage } from '../lanes/lane-page.tsx';
import { LanesPage } from '../lanes/lanes-page.tsx';
import { NodePage } from '../nodes/node-page.tsx';
import { NodesPage } from '../nodes/nodes-page.tsx';
import { OverviewPage } from '../overview/overview-page.tsx';
import { RenewalsPage } from '../renewals/renewals-page.tsx';
import { RotationsPage } from '../rotations/rotations-page.tsx';
import { routeOf, safeReturn } from '../routing/route.ts';
import type { Route } from '../routing/route.ts';
import type { SessionState } from '../session/session-keeper.ts';
import { SignInDialog, SignInPage } from '../session/sign-in-page.tsx';
import { Empty, Failed, Loading } from '../ui/notice.tsx';
import { PageHead } from '../ui/page-head.tsx';
import { ToastList } from '../ui/toast-list.tsx';
import { VolumePage } from '../volume/volume-page.tsx';
import { VolumesPage } from '../volumes/volumes-page.tsx';
import { usePlace, useServices } from './services.ts';
import { PageNotices } from './page-notices.tsx';
import { TopBar } from './top-bar.tsx';
import { useStore } from './use-store.ts';

const retryMs = 3000;

/** Whether the view stays in memory behind the sign-in: a session ended while it was in use, not by its user. */
const hasEnded = (state: SessionState): boolean => state.name === 'signed-out' && state.hasEnded;

/** The page: the sign-in form without a session, otherwise the view of the address. */
export function App(): JSX.Element {
  const { session, router, live, clock } = useServices();
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
  const isInterrupted = hasEnded(state);
  return (
    <>
      <TopBar view={route.view} />
      <main id="main" hidden={isInterrupted}>
        {state.name === 'unknown' && <Failed error={state.error} onRetry={() => void session.ask()} />}
        {state.name === 'asking' && <Loading />}
        {state.name === 'signed-in' && <PageNotices />}
        {(state.name === 'signed-in' || isInterrupted) && <View route={route} />}
      </main>
      {isInterrupted && <SignInDialog />}
      <ToastList />
    </>
  );
}

function View({ route }: { readonly route: Route }): JSX.Element | null {
  if (route.view === 'volume') return <VolumePage key={route.volumeId} node={route.node} volumeId={route.volumeId} />;
  if (route.view === 'lane') return <LanePage key={route.id} id={route.id} />;
  if (route.view === 'node') return <NodePage key={route.node} node={route.node} />;
  if (route.view === 'sign-in') return null;
  const Page = pages[route.view];
  return <Page />;
}

type PlainView = Exclude<Route['view'], 'volume' | 'lane' | 'node' | 'sign-in'>;

/** The views without parameters. */
const pages: Readonly<Record<PlainView, () => JSX.Element>> = {
  overview: OverviewPage,
  volumes: VolumesPage,
  lanes: LanesPage,
  nodes: NodesPage,
  renewals: RenewalsPage,
  rotations: RotationsPage,
  audit: AuditPage,
  unknown: NothingHere,
};

function NothingHere(): JSX.Element {
  return (
    <>
      <PageHead title="Page not found" />
      <Empty title="There is no page at this address">
        <p>
          Go to the <a href="/">overview</a>, or search the <a href="/volumes">volumes</a>.
        </p>
      </Empty>
    </>
  );
}
