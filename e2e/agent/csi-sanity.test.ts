import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { toolPath } from '../tools/build.ts';
import { AgentProcess } from './agent-process.ts';
import { InlineVolumeProxy } from './inline-volume-proxy.ts';
import { cannotMount, TestNode } from './test-node.ts';

/** Specs of csi-sanity that do not apply to an inline ephemeral driver, by the prefix of their names. */
const skipped: Readonly<Record<string, string>> = {
  // Nothing is provisioned, attached, expanded, listed or copied: the volume is part of the pod.
  '\\[Controller Server\\]': 'no Controller service',
  'GroupController Service': 'no GroupController service',
  // These specs check for the capability and skip themselves; they are listed so that every skipped spec is accounted
  // for.
  NodeStageVolume: 'no STAGE_UNSTAGE_VOLUME: a volume is created when it is published',
  NodeUnstageVolume: 'no STAGE_UNSTAGE_VOLUME',
  NodeGetVolumeStats: 'no GET_VOLUME_STATS: a few KB of constant size, and the kubelet would ask every minute',
  NodeExpandVolume: 'no EXPAND_VOLUME: a certificate has no configurable size',
  NodeGetVolumeHealth: 'no GET_VOLUME_HEALTH: alpha',
  NodeGetStorageHealth: 'no GET_STORAGE_HEALTH: alpha',
  'single node multi writer capability': 'no SINGLE_NODE_MULTI_WRITER: volumes are read-only',
};

interface SpecReport {
  readonly ContainerHierarchyTexts: readonly string[] | null;
  readonly LeafNodeText: string;
  readonly LeafNodeType: string;
  readonly State: string;
  readonly Failure?: { readonly Message: string };
}

describe('the CSI services of the agent', () => {
  test('pass csi-sanity', { skip: cannotMount }, async () => {
    const binary = await toolPath('csi-sanity');
    const node = new TestNode();
    after(() => node.remove());
    const agent = await AgentProcess.start(node);
    after(() => agent.kill());
    const { volumeContext } = node.volume('sanity');
    const proxy = new InlineVolumeProxy(node.socketPath, volumeContext);
    after(() => proxy.stop());
    const socketPath = join(node.root, 'sanity.sock');
    await proxy.start(socketPath);

    const reportPath = join(node.root, 'report.json');
    const sanity = spawn(
      binary,
      [
        `--csi.endpoint=unix://${socketPath}`,
        `--csi.mountdir=${join(node.root, 'pods/target')}`,
        `--csi.stagingdir=${join(node.root, 'pods/staging')}`,
        ...Object.keys(skipped).map((name) => `--ginkgo.skip=${name}`),
        `--ginkgo.json-report=${reportPath}`,
        '--ginkgo.no-color',
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    for (const stream of [sanity.stdout, sanity.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    await once(sanity, 'close');

    const [report] = JSON.parse(readFileSync(reportPath, 'utf8')) as [{ SpecReports: readonly SpecReport[] }];
    const specs = report.SpecReports.filter(({ LeafNodeType }) => LeafNodeType === 'It').map((spec) => ({
      ...spec,
      name: [...(spec.ContainerHierarchyTexts ?? []), spec.LeafNodeText].join(' '),
    }));
    const named = (state: string): string[] => specs.filter(({ State }) => State === state).map(({ name }) => name);
    assert.deepEqual(named('failed'), [], output);
    assert.deepEqual(named('passed').sort(), [
      'Identity Service GetPluginCapabilities should return appropriate capabilities',
      'Identity Service GetPluginInfo should return appropriate information',
      'Identity Service Probe should return appropriate information',
      'Node Service NodeGetCapabilities should return appropriate capabilities',
      'Node Service NodeGetInfo should return appropriate values',
      'Node Service NodePublishVolume should fail when no target path is provided',
      'Node Service NodePublishVolume should fail when no volume capability is provided',
      'Node Service NodePublishVolume should fail when no volume id is provided',
      'Node Service NodeUnpublishVolume should fail when no target path is provided',
      'Node Service NodeUnpublishVolume should fail when no volume id is provided',
      'Node Service NodeUnpublishVolume should remove target path',
      'Node Service should be idempotent',
      'Node Service should work',
    ]);
    // Every skipped spec must be in the table.
    const unexplained = specs.filter(
      ({ State, name }) =>
        State !== 'passed' && !Object.keys(skipped).some((pattern) => new RegExp(pattern).test(name)),
    );
    assert.deepEqual(
      unexplained.map(({ name, State }) => `${State}: ${name}`),
      [],
    );
    assert.deepEqual(node.stored(), []);
    assert.deepEqual(node.mountPoints(), []);
  });
});
