import type { ReportedVolume } from '../../fleet/support/volume-report.ts';
import type { Fleet } from './page-fleet.ts';

export const hour = 3_600_000;
export const day = 24 * hour;

export const web: ReportedVolume = { namespace: 'shop', pod: 'web-1', expiresInMs: 9 * hour, dueInMs: 6 * hour };
/** Four volumes of two issuers on two nodes, without a problem. */
export const healthyFleet: Fleet = {
  'worker-1': {
    'csi-web': web,
    'csi-cart': { namespace: 'shop', pod: 'cart-1', expiresInMs: 2 * day, dueInMs: day },
  },
  'worker-2': {
    'csi-db': { namespace: 'data', pod: 'database-1', issuer: 'internal', expiresInMs: 30 * day, dueInMs: 20 * day },
    'csi-queue': { namespace: 'data', pod: 'queue-1', issuer: 'internal', expiresInMs: 5 * day, dueInMs: 4 * day },
  },
};
