import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { workloadOfPod } from './workload-of-pod.ts';
import type { WorkloadName } from './workload-of-pod.ts';

describe('workloadOfPod', () => {
  test('names the workload by the controlling owner of the pod', () => {
    const hash = { 'pod-template-hash': '5d8f7c' };
    const cases: readonly (readonly [WorkloadName | undefined, Record<string, string>, string])[] = [
      [undefined, {}, 'Pod/web-0'],
      [{ kind: 'StatefulSet', name: 'web' }, {}, 'StatefulSet/web'],
      [{ kind: 'DaemonSet', name: 'proxy' }, {}, 'DaemonSet/proxy'],
      [{ kind: 'ReplicaSet', name: 'web-5d8f7c' }, hash, 'Deployment/web'],
      [{ kind: 'ReplicaSet', name: 'own' }, hash, 'ReplicaSet/own'],
      [{ kind: 'ReplicaSet', name: 'own-5d8f7c' }, {}, 'ReplicaSet/own-5d8f7c'],
      [{ kind: 'Job', name: 'report-29561234' }, {}, 'CronJob/report'],
      [{ kind: 'Job', name: 'import-1' }, {}, 'Job/import-1'],
    ];
    for (const [owner, labels, expected] of cases) {
      const { kind, name } = workloadOfPod('web-0', owner, labels);
      assert.equal(`${kind}/${name}`, expected);
    }
  });
});
