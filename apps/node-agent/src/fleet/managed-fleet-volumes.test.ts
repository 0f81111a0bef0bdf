import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { Served_Failure, Served_State } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { ServedStatus } from '../probe/served-tracker.ts';
import { testRoots } from '../crypto/testing/test-roots.ts';
import { VolumeTestHarness } from '../volume/testing/volume-test-harness.ts';
import { ManagedFleetVolumes } from './managed-fleet-volumes.ts';

let harness: VolumeTestHarness;
afterEach(() => harness.remove());

describe('ManagedFleetVolumes', () => {
  test('reports what the pod of a volume serves, and each change of it', async () => {
    harness = await VolumeTestHarness.open();
    await harness.publish(harness.request('web'));
    const since = new Date(harness.clock.now());
    let status: ServedStatus | undefined;
    let changed: ((volumeId: string) => void) | undefined;
    const served = {
      status: (volumeId: string) => (volumeId === 'csi-web' ? status : undefined),
      onChange: (listener: typeof changed) => void (changed = listener),
    };
    const volumes = new ManagedFleetVolumes(harness.manager, harness.clock, { served });
    const changes: string[] = [];
    volumes.onChange((volumeId) => void changes.push(volumeId));
    assert.equal(volumes.report('csi-web')?.served, undefined);
    status = { state: 'not-loaded', since };
    changed?.('csi-web');
    const notLoaded = { state: Served_State.NOT_LOADED, since, failure: Served_Failure.UNSPECIFIED };
    assert.deepEqual(volumes.report('csi-web')?.served, notLoaded);
    status = { state: 'unknown', since, failure: 'refused' };
    const unknown = { state: Served_State.UNKNOWN, since, failure: Served_Failure.REFUSED };
    assert.deepEqual(volumes.report('csi-web')?.served, unknown);
    assert.deepEqual(changes, ['csi-web']);
    volumes.onChange(undefined);
    assert.equal(changed, undefined);
    assert.equal(new ManagedFleetVolumes(harness.manager, harness.clock).report('csi-web')?.served, undefined);
  });

  test('reports the certificates that the CA file contains besides the own CA, and none without them', async () => {
    harness = await VolumeTestHarness.open();
    await harness.publish(harness.request('web'));
    const volumes = new ManagedFleetVolumes(harness.manager, harness.clock);
    assert.equal(volumes.report('csi-web')?.additionalTrust, undefined);
    const payload = new Map(harness.store.readPayload('csi-web'));
    const [own, roots] = [payload.get('ca.crt') ?? Buffer.of(), testRoots(2)];
    payload.set('ca.crt', Buffer.concat([own, ...roots.map(({ pem }) => Buffer.from(pem)), own]));
    harness.store.writePayload('csi-web', payload, {});
    const expected = { caFingerprintsSha256: roots.map(({ fingerprint }) => fingerprint) };
    assert.deepEqual(volumes.report('csi-web')?.additionalTrust, expected);
  });
});
