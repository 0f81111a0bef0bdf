import type { Fleet } from './page-fleet.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const team = (name: string) => ({ labels: { team: name } });
const refused = { message: 'rate limit exceeded: 429 Too Many Requests', attempts: 3 };

/** A small fleet with every case: two nodes, three issuers, healthy, failing and expired volumes. */
export const exampleFleet: Fleet = {
  'worker-1': {
    'csi-web': {
      ...{ namespace: 'shop', pod: 'web-1', workload: 'Deployment/web', ...team('payments') },
      ...{ expiresInMs: 3 * hour, dueInMs: 2 * hour, rsaBits: 1024 },
    },
    'csi-cart': {
      ...{ namespace: 'shop', pod: 'cart-1', workload: 'Deployment/cart', ...team('payments') },
      ...{ expiresInMs: 2 * day, dueInMs: day, served: 'not-loaded' },
    },
    'csi-gone': {
      namespace: 'shop',
      pod: 'old-1',
      issuer: 'vault',
      expiresInMs: -minute,
      issuedAgoMs: 2 * hour,
      dueInMs: hour,
      failure: refused,
    },
  },
  'worker-2': {
    'csi-db': {
      ...{ namespace: 'data', pod: 'database-1', workload: 'StatefulSet/database', ...team('core') },
      ...{ issuer: 'internal', expiresInMs: 30 * day, dueInMs: 20 * day },
    },
    'csi-queue': { namespace: 'data', pod: 'queue-1', issuer: 'internal', expiresInMs: 9 * hour, dueInMs: 6 * hour },
    'csi-mail': {
      namespace: 'mail',
      pod: 'mail-1',
      issuer: 'vault',
      expiresInMs: hour,
      dueInMs: 50 * minute,
      failure: refused,
    },
  },
};
