import type { EndPoint } from './agent-process.ts';
import type { RequestFault, WatchFault } from './api-server.ts';
import type { IssuerFault, IssuerPlan } from './issuers.ts';
import type { Party } from './simulated-time.ts';

/** A pod with one volume. */
export interface VolumePlan {
  readonly name: string;
  readonly volumeId: string;
  readonly namespace: string;
  readonly issuer: string;
  /** The lifetime that it asks for. */
  readonly durationMs: number;
  readonly renewBeforeMs: number | undefined;
  /** Attributes without their group. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly fsGroup: string;
  /** Files that the attributes promise. */
  readonly files: readonly string[];
  readonly startMs: number;
  /** When the pod is deleted; after the end of the scenario's time it is deleted in any case. */
  readonly endMs: number;
  /** Whether the pod's deletion does not wait for a publish under way. */
  readonly endsAbruptly: boolean;
  /** How long an approver takes for each of its requests. */
  readonly approvalMs: number;
  /** How often the kubelet publishes again, with a newer token; undefined outside of token-request mode. */
  readonly republishMs: number | undefined;
}

/** A call that fails: the first `skip` calls that could are let pass, the next `count` fail. */
export interface CallFailure<Code extends string> {
  readonly code: Code | 'KILL';
  readonly skip: number;
  readonly count: number;
  /** How long after the first of these failures the agent is killed; it restarts a second later. */
  readonly killAfterMs?: number;
}

/** Something that goes wrong at a time. */
export type Fault = { readonly atMs: number } & (
  | ({ readonly kind: 'file' } & CallFailure<'ENOSPC' | 'EIO' | 'EMFILE'>)
  | { readonly kind: 'tmpfs-full'; readonly forMs: number }
  | ({ readonly kind: 'mount' } & CallFailure<'EBUSY' | 'EINVAL' | 'EIO'>)
  | { readonly kind: 'kill'; readonly downMs: number; readonly at: EndPoint | undefined }
  | { readonly kind: 'stop'; readonly downMs: number }
  | { readonly kind: 'reboot'; readonly downMs: number }
  | { readonly kind: 'kubelet-restart'; readonly downMs: number }
  | { readonly kind: 'kubelet-repeat'; readonly volume: string }
  | { readonly kind: 'move-target'; readonly volume: string }
  | { readonly kind: 'request'; readonly fault: RequestFault; readonly count: number; readonly skip?: number }
  | { readonly kind: 'api-window'; readonly fault: RequestFault; readonly forMs: number; readonly probability: number }
  | { readonly kind: 'watch'; readonly fault: WatchFault }
  | { readonly kind: 'issuer'; readonly issuer: string; readonly fault: IssuerFault; readonly forMs: number }
  | { readonly kind: 'rotate-ca'; readonly issuer: string }
  | { readonly kind: 'clock'; readonly party: Party; readonly byMs: number; readonly forMs: number }
  | { readonly kind: 'controller-away'; readonly forMs: number }
  | { readonly kind: 'controller-pause'; readonly forMs: number }
);

/** One simulated node from its start to the end of its last pod. Everything in it follows from a seed. */
export interface Scenario {
  readonly seed: number;
  readonly name: string;
  /** Options of main.ts that run it again; undefined for what a seed generates. */
  readonly replay?: string;
  /** For how long faults happen; the node runs on in peace after it. */
  readonly durationMs: number;
  /** For how long it runs on: longer than any wait that an earlier fault may explain. */
  readonly quietMs: number;
  readonly hasController: boolean;
  readonly useTokenRequest: boolean;
  readonly continueOnNotReady: boolean;
  readonly tmpfsBytes: number;
  /** How many times longer than asked for the API server serves a watch. */
  readonly watchPatience: number;
  readonly issuers: readonly IssuerPlan[];
  readonly volumes: readonly VolumePlan[];
  readonly faults: readonly Fault[];
}
