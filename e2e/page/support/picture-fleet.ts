import type { Fleet } from './page-fleet.ts';

const hour = 3_600_000;
const day = 24 * hour;

/** Typical deployments: their node, issuer, and certificate lifetime. */
const deployments = [
  { name: 'web', namespace: 'shop', issuer: 'corporate', lifetimeMs: 30 * day, replicas: 9 },
  { name: 'checkout', namespace: 'payments', issuer: 'corporate', lifetimeMs: 7 * day, replicas: 6 },
  { name: 'ledger', namespace: 'payments', issuer: 'internal', lifetimeMs: day, replicas: 6 },
  { name: 'postgres', namespace: 'data', issuer: 'internal', lifetimeMs: 60 * day, replicas: 3 },
  { name: 'kafka', namespace: 'data', issuer: 'internal', lifetimeMs: 30 * day, replicas: 5 },
  { name: 'mail', namespace: 'mail', issuer: 'vault', lifetimeMs: 3 * day, replicas: 3 },
] as const;
const nodes = ['worker-1', 'worker-2', 'worker-3'];
const refused = { message: 'vault: permission denied on pki/sign/mail: 403', attempts: 4 };

/** The replicas of a deployment have certificates of different age. */
function volumesOn(node: string): Fleet[string] {
  const entries = deployments.flatMap(({ name, namespace, issuer, lifetimeMs, replicas }, kind) =>
    Array.from({ length: replicas }, (_, i) => i)
      .filter((i) => nodes[(i + kind + 2) % nodes.length] === node)
      .map((i) => {
        const expiresInMs = lifetimeMs * (1 - ((i * 7 + kind * 3) % 19) / 30);
        const isFailing = name === 'mail' && i === 0;
        const dueInMs = Math.max(isFailing ? -hour : hour / 2, expiresInMs - lifetimeMs / 3);
        const volume = { namespace, pod: `${name}-${i}`, issuer, expiresInMs, dueInMs };
        return [`csi-${name}-${i}`, isFailing ? { ...volume, failure: refused } : volume] as const;
      }),
  );
  return Object.fromEntries(entries);
}

/** About thirty volumes on three nodes with three issuers, one of which fails. */
export const pictureFleet: Fleet = Object.fromEntries(nodes.map((node) => [node, volumesOn(node)]));
