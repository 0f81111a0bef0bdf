import { render } from 'preact';
import { HttpClient } from './api/http-client.ts';
import { OperatorApi } from './api/operator-api.ts';
import { App } from './app/app.tsx';
import { startKeyboard } from './app/keyboard.ts';
import { ServicesContext } from './app/services.ts';
import type { Services } from './app/services.ts';
import { Theme } from './app/theme.ts';
import { Toasts } from './app/toasts.ts';
import { LiveUpdates } from './live/live-updates.ts';
import { Router } from './routing/router.ts';
import { SessionKeeper } from './session/session-keeper.ts';
import { browserClock } from './time/browser-clock.ts';
import { Ticker } from './time/ticker.ts';

const clock = browserClock;
const http = new HttpClient({
  fetch: (input, init) => fetch(input, init),
  onUnauthenticated: () => session.ended(),
});
const api = new OperatorApi(http);
const session = new SessionKeeper(api);
const router = new Router(window);
const live = new LiveUpdates({
  clock,
  open: () => new EventSource('/api/v1/events'),
  // If the session has ended, this request reports it.
  onRefused: () => void api.session().catch(() => undefined),
});
const services: Services = {
  api,
  live,
  router,
  session,
  clock,
  toasts: new Toasts(clock),
  theme: new Theme(window),
  ticker: new Ticker(clock),
};

router.start();
startKeyboard(document, router);
// A browser has six connections per server for all tabs: a hidden page closes its stream.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) live.stop();
  else if (session.session !== undefined) live.start();
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
