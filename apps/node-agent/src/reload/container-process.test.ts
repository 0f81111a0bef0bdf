import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { containerOf, isContainerInit } from './container-process.ts';

const podUid = '1f0e9a52-8d5c-4a55-9b3c-d7c0ffee0001';
const underscored = podUid.replaceAll('-', '_');
const containerId = 'abcdef0123456789'.repeat(4);
const container = { podUid, containerId };
const slices = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${underscored}.slice`;

/** Texts of /proc/PID/cgroup, by who writes the path. */
const ofContainer: Readonly<Record<string, string>> = {
  'containerd, systemd, version 2': `0::${slices}/cri-containerd-${containerId}.scope\n`,
  'containerd, systemd, version 1': `12:memory:${slices}/cri-containerd-${containerId}.scope\n1:name=systemd:${slices}/cri-containerd-${containerId}.scope\n0::/system.slice/containerd.service\n`,
  'containerd, cgroupfs': `0::/kubepods/burstable/pod${podUid}/${containerId}\n`,
  'containerd, cgroupfs, guaranteed, version 1': `3:cpu,cpuacct:/kubepods/pod${podUid}/${containerId}\n`,
  'containerd with cgroupfs, kubelet with systemd': `0::/system.slice/containerd.service/kubepods-besteffort-pod${underscored}.slice:cri-containerd:${containerId}\n`,
  'CRI-O, systemd': `0::${slices}/crio-${containerId}.scope\n`,
  'CRI-O with crun': `0::${slices}/crio-${containerId}.scope/container\n`,
  'CRI-O, cgroupfs': `0::/kubepods/besteffort/pod${podUid}/crio-${containerId}\n`,
  'cri-dockerd': `0::${slices}/docker-${containerId}.scope\n`,
  kind: `0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${underscored}.slice/cri-containerd-${containerId}.scope\n`,
  'kind in a pod, version 1': `4:pids:/kubepods/burstable/pod11111111-2222-3333-4444-555555555555/${'f'.repeat(64)}/kubelet/kubepods/burstable/pod${podUid}/${containerId}\n`,
  "seen from the agent's own cgroup namespace": `0::/../../kubepods-burstable-pod${underscored}.slice/cri-containerd-${containerId}.scope\n`,
  'an init system in the container': `0::${slices}/cri-containerd-${containerId}.scope/init.scope\n`,
};

const others: Readonly<Record<string, string>> = {
  'the kubelet': '0::/system.slice/kubelet.service\n',
  'a container of another tool': `0::/system.slice/docker-${containerId}.scope\n`,
  'a login session': '0::/user.slice/user-0.slice/session-1.scope\n',
  'the cgroup of a pod itself': `0::/kubepods/burstable/pod${podUid}\n`,
  'an empty file': '',
  'a line without a path': '0::\nx\n',
};

const node = 'Name:\tagent\nNSpid:\t4711\n';
const status = (...numbers: number[]): string => `Name:\tsh\nNSpid:\t${numbers.join('\t')}\nThreads:\t1\n`;

describe('containerOf', () => {
  for (const [name, cgroup] of Object.entries(ofContainer)) {
    test(`finds pod and container: ${name}`, () => assert.deepEqual(containerOf(cgroup), container));
  }
  for (const [name, cgroup] of Object.entries(others)) {
    test(`finds none: ${name}`, () => assert.equal(containerOf(cgroup), undefined));
  }

  test('takes a bounded time for a path that a pod chose', () => {
    const path = `/kubepods/pod${podUid}/${containerId}/${'pod-a-'.repeat(680)}`;
    assert.deepEqual(containerOf(`0::${path}\n`), container);
  });
});

describe('isContainerInit', () => {
  const cgroup = ofContainer['containerd, systemd, version 2'] ?? '';

  test('accepts process 1 of the container', () => {
    assert.ok(isContainerInit({ cgroup, status: status(812, 1) }, container, node));
  });

  test('rejects other processes: of the container, of a shared namespace, and of a container in the container', () => {
    for (const numbers of [[812, 7], [812], [1], [812, 7, 1], [812, 1, 1], []])
      assert.ok(!isContainerInit({ cgroup, status: status(...numbers) }, container, node), numbers.join());
    assert.ok(!isContainerInit({ cgroup, status: '' }, container, node));
  });

  test('rejects everything if the agent does not see its own number', () => {
    assert.ok(!isContainerInit({ cgroup, status: status(812, 1) }, container, status(9, 1)));
  });

  test('rejects process 1 of another container or pod', () => {
    const files = { cgroup, status: status(812, 1) };
    assert.ok(!isContainerInit(files, { podUid, containerId: 'f'.repeat(64) }, node));
    assert.ok(!isContainerInit(files, { podUid: '00000000-0000-0000-0000-000000000000', containerId }, node));
  });
});
