import type { InlineVolume } from '@certfleet/csi-client/csi-client.ts';

/** Address and credentials of the API server: the agent's own ServiceAccount, so that the same queue applies. */
export interface ApiAccess {
  readonly host: string;
  readonly port: string;
  /** PEM. */
  readonly ca: string;
  readonly token: string;
}

/** Orders to the floor: first the address of the API server, then the volumes. */
export type FloorOrder =
  | { readonly kind: 'connect'; readonly access: ApiAccess; readonly namespace: string }
  | { readonly kind: 'issue'; readonly volumes: readonly InlineVolume[]; readonly concurrency: number };
