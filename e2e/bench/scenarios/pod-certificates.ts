import { setTimeout as sleep } from 'node:timers/promises';
import { busiestMinute } from '../../../apps/pod-certificate-signer/src/testing/levelling.ts';
import { caSecret } from '../../../apps/pod-certificate-signer/src/testing/requests.ts';
import { startCluster } from '../../cluster/cluster.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { KubeletProcess } from '../../fleet/kubelets/kubelet-process.ts';
import { excessOver } from '../../fleet/kubelets/request-log.ts';
import { installSignerRights } from '../../fleet/kubelets/signer-rights.ts';
import { BenchSigner } from '../bench-signer.ts';
import type { Figure } from '../figure.ts';
import { percentile } from '../timings.ts';
import type { FleetScenario } from '../scenario.ts';

const namespace = 'cert-manager';
const fleetNamespace = 'storm';
const names = { floor: 'example.com/floor', open: 'example.com/open', storm: 'example.com/storm' } as const;
/** Requests of one round of signer or floor. */
const roundCount = 2_000;
const rounds = 3;
const stormCount = 20_000;
const startingPods = 200;
const stormLane = { ratePerSecond: 200, burst: 20, maxInFlight: 50, jitter: 0.05 };
/** Of certificates with the default lifetime of a day. */
const spreadMs = 86_400_000 * stormLane.jitter;

const figure = (name: string, unit: Figure['unit'], value: number, goal?: Figure['goal']): Figure => ({
  name: `pod-certificates-${name}`,
  unit,
  agent: [value],
  ...(goal && { goal }),
});
const atMost = (value: number): Figure['goal'] => ({ of: 'agent', is: '≤', value });

/** The pod certificate signer on a real API server, with simulated kubelets. */
export const podCertificateScenario: FleetScenario = {
  name: 'pod-certificates',
  async run(log) {
    const cluster = await startCluster({ nodes: 'control-plane', certManager: false });
    try {
      return await measure(cluster, log);
    } finally {
      await cluster.stop();
    }
  },
};

async function measure(cluster: Cluster, log: (line: string) => void): Promise<readonly Figure[]> {
  await cluster.createNamespace(namespace);
  await cluster.createNamespace(fleetNamespace);
  const signed = [names.open, names.storm];
  const token = await installSignerRights(cluster, namespace, { signerNames: signed, caSecrets: ['ca'] });
  const hourMs = 3_600_000;
  const ca = caSecret({ notBefore: new Date(Date.now() - hourMs), notAfter: new Date(Date.now() + 1000 * hourMs) });
  await cluster.apply([
    { ...secret, data: ca.data },
    ...policies('open', { ratePerSecond: 0, maxInFlight: 32 }),
    ...policies('storm', stormLane),
  ]);
  await using signer = await BenchSigner.start(cluster, namespace, token);
  await using kubelets = new KubeletProcess(cluster);
  const fleet = { namespace: fleetNamespace, nodes: 100, podsPerNode: 20, signerNames: Object.values(names) };
  await kubelets.call('prepare', fleet);
  const idle = signer.memory;
  const throughput = await measureThroughput(kubelets, log);
  const storm = await measureStorm(kubelets, signer, log);
  return [throughput, ...storm, figure('resident-idle', 'MB', idle.residentMb)];
}

/** Requests from their creation to their certificate, without a limit of the lane. */
async function measureThroughput(kubelets: KubeletProcess, log: (line: string) => void): Promise<Figure> {
  const floorRate = async (): Promise<number> =>
    (roundCount / (await kubelets.call('createAndAnswer', { signerName: names.floor, count: roundCount }))) * 1000;
  const [agent, floor]: [number[], number[]] = [[], []];
  let before = await floorRate();
  for (let round = 0; round < rounds; round += 1) {
    const order = { signerName: names.open, count: roundCount, untilAnswered: true };
    const rate = (roundCount / (await kubelets.call('requestRefreshes', order))) * 1000;
    const after = await floorRate();
    log(`pod-certificates: ${rate.toFixed(0)}/s between floors of ${before.toFixed(0)}/s and ${after.toFixed(0)}/s`);
    agent.push(rate);
    floor.push((before + after) / 2);
    before = after;
  }
  return { name: 'pod-certificates-signed', unit: '1/s', agent, floor };
}

/** A restart of all kubelets while pods start. */
async function measureStorm(
  kubelets: KubeletProcess,
  signer: BenchSigner,
  log: (line: string) => void,
): Promise<readonly Figure[]> {
  const signerName = names.storm;
  let peakMb = 0;
  let isOver = false;
  const watchMemory = async (): Promise<void> => {
    while (!isOver) {
      peakMb = Math.max(peakMb, signer.memory.residentMb);
      await sleep(500);
    }
  };
  const watching = watchMemory();
  const startedMs = performance.now();
  const [createdMs] = await Promise.all([
    kubelets.call('requestRefreshes', { signerName, count: stormCount }),
    kubelets.call('startPods', { signerName, count: startingPods, pauseMs: 250 }),
  ]);
  log(`pod-certificates: ${stormCount} requests created in ${(createdMs / 1000).toFixed(1)} s`);
  await kubelets.call('answered', { signerName, which: 'all' });
  const seconds = (performance.now() - startedMs) / 1000;
  isOver = true;
  await watching;
  const { waitsMs, answeredAt, refreshAtMs, deniedOrFailed } = await kubelets.call('results', signerName);
  const allowance = stormLane.burst + stormLane.maxInFlight;
  const sorted = waitsMs.toSorted((a, b) => a - b);
  return [
    figure('storm-created', 's', createdMs / 1000, atMost(60)),
    figure('storm-answered', 's', seconds),
    figure('storm-denied-or-failed', '', deniedOrFailed, atMost(0)),
    figure('storm-beyond-rate', '', excessOver(answeredAt, stormLane.ratePerSecond, allowance), atMost(0)),
    figure('storm-refresh-busiest-minute', '', busiestMinute(refreshAtMs, spreadMs)),
    figure('storm-start-wait-p50', 'ms', percentile(sorted, 0.5)),
    figure('storm-start-wait-p99', 'ms', percentile(sorted, 0.99)),
    figure('storm-start-wait-most', 'ms', sorted.at(-1) ?? NaN),
    figure('resident-storm', 'MB', peakMb),
  ];
}

const secret = {
  ...{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls' },
  metadata: { name: 'ca', namespace },
};

/** A PodCertificateSigner, and the limits of its lane. */
function policies(name: 'open' | 'storm', limits: object): readonly object[] {
  const spec = {
    signerName: names[name],
    issuer: { secretName: 'ca' },
    allowed: [{ namespaces: [fleetNamespace] }],
    names: { dnsNames: ['$POD_NAME.$POD_NAMESPACE.pod.example.com'] },
  };
  const issuers = [`PodCertificateSigner.certfleet.io//${name}`];
  const apiVersion = 'certfleet.io/v1alpha1';
  return [
    { apiVersion, kind: 'PodCertificateSigner', metadata: { name }, spec },
    { apiVersion, kind: 'LanePolicy', metadata: { name }, spec: { issuers, ...limits } },
  ];
}
