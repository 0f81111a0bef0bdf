// The enumerations of the agents' reports by their names in the model. Each map is exhaustive over the protocol's values,
// and the names that can be reported are derived from it.
import { VolumeReport_Cause, VolumeReport_KeyType, VolumeReport_State } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { IssuanceCause } from './issuance-causes.ts';
import type { KeyType } from './vocabulary.ts';

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

export const reportedCauses = valuesByName(causeNames);
export const reportedKeyTypes = valuesByName(keyTypeNames);
export const reportedStates = valuesByName(agentStatusNames);

type Inverse<Names extends Readonly<Record<number, string>>> = {
  readonly [Value in keyof Names as Names[Value] & string]: Value;
};

function valuesByName<const Names extends Readonly<Record<number, string>>>(names: Names): Inverse<Names> {
  return Object.fromEntries(Object.entries(names).map(([value, name]) => [name, Number(value)])) as Inverse<Names>;
}
