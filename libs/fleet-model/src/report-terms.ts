// The enumerations of the agents' reports by their names in the model. Each map is exhaustive over the protocol's values,
// and the names that can be reported are derived from it.
import {
  Served_Failure,
  Served_State,
  VolumeReport_Cause,
  VolumeReport_KeyType,
  VolumeReport_State,
} from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { IssuanceCause } from './issuance-causes.ts';
import type { KeyType, ProbeFailure, ServedState } from './vocabulary.ts';

export const causeNames = {
  [VolumeReport_Cause.UNSPECIFIED]: 'unknown',
  [VolumeReport_Cause.MOUNT]: 'mount',
  [VolumeReport_Cause.JOB]: 'job',
  [VolumeReport_Cause.DEADLINE]: 'deadline',
} as const satisfies Readonly<Record<VolumeReport_Cause, IssuanceCause>>;

export const keyTypeNames = {
  [VolumeReport_KeyType.UNSPECIFIED]: 'unknown',
  [VolumeReport_KeyType.RSA]: 'rsa',
  [VolumeReport_KeyType.ECDSA]: 'ecdsa',
  [VolumeReport_KeyType.ED25519]: 'ed25519',
} as const satisfies Readonly<Record<VolumeReport_KeyType, KeyType>>;

/** Statuses as the agent knows them; the controller derives `VolumeStatus` from times and its own renewals. */
const agentStatusNames = {
  [VolumeReport_State.UNSPECIFIED]: 'unknown',
  [VolumeReport_State.PENDING]: 'pending',
  [VolumeReport_State.READY]: 'ready',
  [VolumeReport_State.FAILING]: 'failing',
  [VolumeReport_State.EXPIRED]: 'expired',
} as const satisfies Readonly<Record<VolumeReport_State, string>>;

export type AgentVolumeStatus = Exclude<(typeof agentStatusNames)[VolumeReport_State], 'unknown'>;

export const servedStateNames = {
  [Served_State.UNSPECIFIED]: undefined,
  [Served_State.SERVED]: 'served',
  [Served_State.RENEWED]: 'renewed',
  [Served_State.NOT_LOADED]: 'not-loaded',
  [Served_State.UNKNOWN]: 'unknown',
} as const satisfies Readonly<Record<Served_State, ServedState | undefined>>;

export const probeFailureNames = {
  [Served_Failure.UNSPECIFIED]: undefined,
  [Served_Failure.NO_ADDRESS]: 'no-address',
  [Served_Failure.HOST_NETWORK]: 'host-network',
  [Served_Failure.REFUSED]: 'refused',
  [Served_Failure.TIMEOUT]: 'timeout',
  [Served_Failure.NO_CERTIFICATE]: 'no-certificate',
} as const satisfies Readonly<Record<Served_Failure, ProbeFailure | undefined>>;

export const reportedServedStates = valuesByName(servedStateNames);
export const reportedProbeFailures = valuesByName(probeFailureNames);
export const reportedCauses = valuesByName(causeNames);
export const reportedKeyTypes = valuesByName(keyTypeNames);
export const reportedStates = valuesByName(agentStatusNames);

type Names = Readonly<Record<number, string | undefined>>;

/** Values without a name are never reported. */
type Inverse<Table extends Names> = {
  readonly [Value in keyof Table as Table[Value] & string]: Value;
};

function valuesByName<const Table extends Names>(names: Table): Inverse<Table> {
  const named = Object.entries(names).flatMap(([value, name]) => (name === undefined ? [] : [[name, Number(value)]]));
  return Object.fromEntries(named) as Inverse<Table>;
}
