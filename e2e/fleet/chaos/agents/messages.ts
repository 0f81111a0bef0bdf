/** How an agent behaves; all but `honest` report or do what no agent of ours would. */
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

/** Which fields an agent of another version sends: one that is older leaves out, one that is newer uses new values. */
export type AgentVersion = 'current' | 'older' | 'newer';

/** A volume as the run creates it. */
export interface VolumeSketch {
  readonly id: string;
  /** Name of its ClusterIssuer. */
  readonly issuer: string;
  readonly lifetimeMs: number;
  /** Of the first certificate: the part of its lifetime that has passed, 0 to 1. */
  readonly age: number;
}

/** A node with its volumes. */
export interface NodeSketch {
  readonly node: string;
  readonly tokenFile: string;
  readonly behaviours: AgentBehaviour;
  readonly version: AgentVersion;
  readonly volumes: readonly VolumeSketch[];
}

/** What the process of agents is asked for. Times are true ones, whatever the agents' own clocks say. */
export type HostOrder =
  | { readonly kind: 'start'; readonly caFile: string; readonly issueMs: number; readonly nodes: readonly NodeSketch[] }
  /** Where agents connect from now on; each attempt picks one. */
  | { readonly kind: 'endpoints'; readonly addresses: readonly string[] }
  /** Makes the wall clocks of these nodes' agents wrong. */
  | { readonly kind: 'clocks'; readonly nodes: readonly string[]; readonly offsetMs: number }
  /** Issuers that fail every request. */
  | { readonly kind: 'issuers-away'; readonly issuers: readonly string[] }
  /** Ends these nodes' links and starts new ones, as a restarted agent does. */
  | { readonly kind: 'restart'; readonly nodes: readonly string[] }
  | { readonly kind: 'behaviours'; readonly node: string; readonly behaviours: AgentBehaviour }
  | { readonly kind: 'add'; readonly node: string; readonly volume: VolumeSketch }
  | { readonly kind: 'remove'; readonly node: string; readonly volumeId: string }
  | { readonly kind: 'states' }
  | { readonly kind: 'stop' };

/** How a volume is at its agent. */
export interface AgentVolume {
  readonly node: string;
  readonly volumeId: string;
  readonly issuer: string;
  readonly generation: number;
  readonly lifetimeMs: number;
  readonly issuedAtMs: number;
  readonly renewAtMs: number;
  readonly notAfterMs: number;
  /** Whether a certificate is being issued now. */
  readonly isBusy: boolean;
}

/** One certificate that was replaced. `issuedAtMs`, `renewAtMs` and `notAfterMs` are of the replaced one. */
export interface Issuance extends Omit<AgentVolume, 'isBusy'> {
  readonly cause: 'job' | 'deadline';
  readonly startedMs: number;
  readonly endedMs: number;
}

/** What a process of agents reports on its own. */
export type HostEvent =
  | { readonly kind: 'issued'; readonly issuance: Issuance }
  | { readonly kind: 'failed'; readonly node: string; readonly volumeId: string; readonly atMs: number }
  /** A line of an agent's log of level warn or above. */
  | { readonly kind: 'log'; readonly node: string; readonly line: string; readonly atMs: number };

/** The answer to an order. */
export interface HostAnswer {
  readonly kind: 'answer';
  readonly id: number;
  readonly volumes?: readonly AgentVolume[];
}
