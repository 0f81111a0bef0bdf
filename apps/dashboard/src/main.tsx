import { render } from 'preact';
import { HttpClient } from './api/http-client.ts';
import { OperatorApi } from './api/operator-api.ts';
import { App } from './app/app.tsx';
import { startKeyboard } from './app/keyboard.ts';
import { ServicesContext } from './app/services.ts';
import type { Overlay, Services } from './app/services.ts';
import { Store } from './app/store.ts';
import { PageTitle } from './app/page-title.ts';
import { storageOf } from './app/storage-of.ts';
import { Theme } from './app/theme.ts';
import { Toasts } from './app/toasts.ts';
import { openStream } from './live/open-stream.ts';
import { LiveUpdates } from './live/live-updates.ts';
import { ResultCache } from './live/result-cache.ts';
import { ShownData } from './live/shown-data.ts';
import { Router } from './routing/router.ts';
import { SessionKeeper } from './session/session-keeper.ts';
import { browserClock } from './time/browser-clock.ts';
import { ServerClock } from './time/server-clock.ts';
import { Ticker } from './time/ticker.ts';
import { TimeFormat } from './time/time-format.ts';
import { TableMemory } from './volumes/table-memory.ts';
import { noVerdict } from './verdict/shown-verdict.ts';
import type { ShownVerdict } from './verdict/shown-verdict.ts';

const clock = browserClock;
const serverClock = new ServerClock(clock);
const http = new HttpClient({
  clock,
  fetch: (input, init) => fetch(input, init),
  onUnauthenticated: () => session.ended(),
  onServerTime: (serverMs, startedAt) => serverClock.heard(serverMs, startedAt),
});
const api = new OperatorApi(http);
const session = new SessionKeeper(api);
const router = new Router(window);
const live = new LiveUpdates({
  clock,
  open: (isReplacement) => openStream(window, isReplacement),
  // If the session has ended, this request reports it.
  onRefused: () => void api.session().catch(() => undefined),
});
const services: Services = {
  api,
  live,
  router,
  session,
  clock,
  serverClock,
  shown: new ShownData(),
  results: new ResultCache(),
  picked: new Store<ReadonlyMap<string, string>>(new Map()),
  wakes: new Store(0),
  paused: new Store(false),
  overlay: new Store<Overlay | undefined>(undefined),
  toasts: new Toasts(clock),
  theme: new Theme(window),
  verdict: new Store<ShownVerdict>(noVerdict),
  title: new PageTitle(document),
  ticker: new Ticker(clock, serverClock),
  times: new TimeFormat(storageOf(window)),
  tables: new TableMemory(storageOf(window)),
};

router.start();
startKeyboard(document, services);
// A browser has six connections per server for all tabs: a hidden page closes its stream.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) live.stop();
  else wake();
});
window.addEventListener('online', wake);
window.addEventListener('offline', wake);
window.addEventListener('pageshow', wake);

/** Timers may not have run: checks the age of everything shown before it is read, and connects anew. */
function wake(): void {
  services.wakes.set(services.wakes.value + 1);
  if (session.session === undefined) return;
  live.restart();
  live.start();
}

session.state.listen(() => {
  services.title.showCluster(session.session?.cluster ?? '');
  if (session.state.value.name !== 'signed-out') return;
  // Another user may sign in, with other rights.
  http.forget();
  services.results.clear();
  if (!session.state.value.hasEnded) services.picked.set(new Map());
});
void session.ask();

const root = document.getElementById('page');
if (root !== null) {
  render(
    <ServicesContext.Provider value={services}>
      <App />
    </ServicesContext.Provider>,
    root,
  );
}
