import type { EndPoint } from './agent-process.ts';
import type { RequestFault, WatchFault } from './api-server.ts';
import type { IssuerFault, IssuerPlan } from './issuers.ts';
import type { Party } from './simulated-time.ts';

/** A keystore from the attributes. */
export interface KeystorePlan {
  readonly file: string;
  /** The password, or the file with the one that the agent generated. */
  readonly password: { readonly text: string } | { readonly file: string };
}

/** A pod with one volume. */
export interface VolumePlan {
  readonly name: string;
  readonly volumeId: string;
  readonly namespace: string;
  readonly issuer: string;
  /** The requested lifetime. */
  readonly durationMs: number;
  readonly renewBeforeMs: number | undefined;
  /** Attributes without their group. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly fsGroup: string;
  /** Expected files. */
  readonly files: readonly string[];
  /** The PKCS#12 keystore among them. */
  readonly keystore?: KeystorePlan;
  /** How long after its creation the pod meets the readiness gate of the scenario. */
  readonly gateMs?: number;
  /** When the pod gets addresses, counted from its creation, in order; one of `$POD_IPS` is among its attributes. */
  readonly addresses?: readonly { readonly afterMs: number; readonly ip: string }[];
  readonly startMs: number;
  /** When the pod is deleted, at the latest at the end of the scenario. */
  readonly endMs: number;
  /** Whether the pod's deletion does not wait for an active publish. */
  readonly endsAbruptly: boolean;
  /** An approver's delay for each of its requests. */
  readonly approvalMs: number;
  /** Interval at which the kubelet publishes again with a newer token; undefined without token requests. */
  readonly republishMs: number | undefined;
}

/** A failing call: the first `skip` matching calls pass, the next `count` fail. */
export interface CallFailure<Code extends string> {
  readonly code: Code | 'KILL';
  readonly skip: number;
  readonly count: number;
  /** How long after the first of these failures the agent is killed; it restarts a second later. */
  readonly killAfterMs?: number;
}

/** A fault at a time. */
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
  | { readonly kind: 'events-refused'; readonly forMs: number }
  | { readonly kind: 'watch'; readonly fault: WatchFault }
  | { readonly kind: 'issuer'; readonly issuer: string; readonly fault: IssuerFault; readonly forMs: number }
  | { readonly kind: 'rotate-ca'; readonly issuer: string }
  | { readonly kind: 'clock'; readonly party: Party; readonly byMs: number; readonly forMs: number }
  | { readonly kind: 'controller-away'; readonly forMs: number }
  | { readonly kind: 'controller-pause'; readonly forMs: number }
);

/** One simulated node from its start to the end of its last pod, fully determined by a seed. */
export interface Scenario {
  readonly seed: number;
  readonly name: string;
  /** Options of main.ts that repeat it; undefined for scenarios from a seed. */
  readonly replay?: string;
  /** The time with faults. */
  readonly durationMs: number;
  /** The time without faults afterwards: longer than any wait that an earlier fault may explain. */
  readonly quietMs: number;
  readonly hasController: boolean;
  readonly useTokenRequest: boolean;
  readonly continueOnNotReady: boolean;
  /** Whether first certificates wait for an annotation of the pod. */
  readonly hasGate?: boolean;
  /** Whether the agent writes Events. */
  readonly hasEvents?: boolean;
  readonly tmpfsBytes: number;
  /** Factor on the requested length of a watch. */
  readonly watchPatience: number;
  readonly issuers: readonly IssuerPlan[];
  readonly volumes: readonly VolumePlan[];
  readonly faults: readonly Fault[];
}
