import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { getPod } from './pod.ts';
import type { PodState } from './pod.ts';

type Controller = PodState['metadata']['controller'];

describe('getPod', () => {
  test('reads the owner that manages the pod, and no other one', async () => {
    const controllerOf = async (ownerReferences: unknown): Promise<Controller> => {
      const client = { request: () => Promise.resolve({ metadata: { uid: 'u', ownerReferences } }) };
      return (await getPod(client, { namespace: 'shop', name: 'web-0' }))?.metadata.controller;
    };
    const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', uid: 's' };
    assert.deepEqual(
      await controllerOf([
        { kind: 'Node', name: 'n' },
        { ...owner, controller: true },
      ]),
      {
        kind: 'StatefulSet',
        name: 'web',
      },
    );
    assert.equal(await controllerOf([owner]), undefined);
    assert.equal(await controllerOf(undefined), undefined);
  });
});
