// A process with simulated kubelets, in the network of a cluster: kubelet-process.ts starts it.
import { caSecret } from '../../../apps/pod-certificate-signer/src/testing/requests.ts';
import { floorStatuses } from './floor-statuses.ts';
import type { HostAnswer, HostCall } from './kubelet-process.ts';
import { SimulatedKubelets } from './simulated-kubelets.ts';

const hourMs = 3_600_000;
const kubelets = new SimulatedKubelets(process.argv[2] ?? '');
const ca = caSecret({ notBefore: new Date(Date.now() - hourMs), notAfter: new Date(Date.now() + 1000 * hourMs) });

async function run(call: HostCall): Promise<unknown> {
  switch (call.method) {
    case 'prepare':
      await kubelets.prepare(call.argument);
      return undefined;
    case 'requestRefreshes':
      return await kubelets.requestRefreshes(call.argument);
    case 'startPods':
      await kubelets.startPods(call.argument);
      return undefined;
    case 'answered':
      await kubelets.answered(call.argument);
      return undefined;
    case 'results':
      return await kubelets.results(call.argument);
    case 'createAndAnswer':
      return await kubelets.createAndAnswer(call.argument, (keys) => floorStatuses(ca, keys));
  }
}

function send(answer: HostAnswer): void {
  if (process.connected) process.send?.(answer);
}

// The test has ended.
process.once('disconnect', () => process.exit());
process.on('message', (call: HostCall) => {
  void run(call).then(
    (result) => send({ id: call.id, result }),
    (thrown: unknown) => send({ id: call.id, error: thrown instanceof Error ? (thrown.stack ?? '') : String(thrown) }),
  );
});
