/** The behaviour of an agent; all except `honest` report or do something that a correct agent never would. */
export const agentBehaviours = [
  'honest',
  'invalid-names',
  'huge-reports',
  'invented-failures',
  'invented-issuers',
  'never-answers',
  'wrong-times',
] as const;
export type AgentBehaviour = (typeof agentBehaviours)[number];

/** The fields that an agent of another version sends: an older one omits some, a newer one uses new values. */
export type AgentVersion = 'current' | 'older' | 'newer';

/** A volume to be created. */
export interface VolumeSketch {
  readonly id: string;
  /** Name of its ClusterIssuer. */
  readonly issuer: string;
  readonly lifetimeMs: number;
  /** The elapsed part of the first certificate's lifetime, 0 to 1. */
  readonly age: number;
}

export interface NodeSketch {
  readonly node: string;
  readonly tokenFile: string;
  readonly behaviours: AgentBehaviour;
  readonly version: AgentVersion;
  readonly volumes: readonly VolumeSketch[];
}

/** The orders to the agents' process. Times are true ones, independent of the agents' clocks. */
export type HostOrder =
  | { readonly kind: 'start'; readonly caFile: string; readonly issueMs: number; readonly nodes: readonly NodeSketch[] }
  /** The replicas' addresses from now on; each attempt picks one. */
  | { readonly kind: 'endpoints'; readonly addresses: readonly string[] }
  /** Shifts the wall clocks of these nodes' agents. */
  | { readonly kind: 'clocks'; readonly nodes: readonly string[]; readonly offsetMs: number }
  /** Issuers that fail every request. */
  | { readonly kind: 'issuers-away'; readonly issuers: readonly string[] }
  /** Ends these nodes' links and starts new ones, like a restarted agent. */
  | { readonly kind: 'restart'; readonly nodes: readonly string[] }
  | { readonly kind: 'behaviours'; readonly node: string; readonly behaviours: AgentBehaviour }
  | { readonly kind: 'add'; readonly node: string; readonly volume: VolumeSketch }
  | { readonly kind: 'remove'; readonly node: string; readonly volumeId: string }
  | { readonly kind: 'states' }
  | { readonly kind: 'stop' };

/** The state of a volume at its agent. */
export interface AgentVolume {
  readonly node: string;
  readonly volumeId: string;
  readonly issuer: string;
  readonly generation: number;
  readonly lifetimeMs: number;
  readonly issuedAtMs: number;
  readonly renewAtMs: number;
  readonly notAfterMs: number;
  /** Whether an issuance is in progress. */
  readonly isBusy: boolean;
}

/** One replaced certificate. `issuedAtMs`, `renewAtMs` and `notAfterMs` are those of the replaced one. */
export interface Issuance extends Omit<AgentVolume, 'isBusy'> {
  readonly cause: 'job' | 'deadline';
  /** Of a job: whether a person requested it. */
  readonly isRequested?: boolean;
  readonly startedMs: number;
  readonly endedMs: number;
}

/** Events that the agents' process sends. */
export type HostEvent =
  | { readonly kind: 'issued'; readonly issuance: Issuance }
  | { readonly kind: 'failed'; readonly node: string; readonly volumeId: string; readonly generation: number }
  /** A line of an agent's log of level warn or above. */
  | { readonly kind: 'log'; readonly node: string; readonly line: string; readonly atMs: number };

/** The answer to an order. */
export interface HostAnswer {
  readonly kind: 'answer';
  readonly id: number;
  readonly volumes?: readonly AgentVolume[];
}
