import type { InlineVolume } from '@certfleet/csi-client/csi-client.ts';

/** Where the API server is, and as whom to speak to it: the agent's own ServiceAccount, which is queued as it is. */
export interface ApiAccess {
  readonly host: string;
  readonly port: string;
  /** PEM. */
  readonly ca: string;
  readonly token: string;
}

/** What the floor is told: first where the API server is, then for which volumes to get certificates. */
export type FloorOrder =
  | { readonly kind: 'connect'; readonly access: ApiAccess; readonly namespace: string }
  | { readonly kind: 'issue'; readonly volumes: readonly InlineVolume[]; readonly concurrency: number };
