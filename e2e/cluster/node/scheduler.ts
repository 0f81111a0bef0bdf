import { toolPath } from '../../tools/build.ts';
import { componentIn, type Component } from '../component.ts';
import { flags } from '../flags.ts';
import { httpProbe } from '../http-probe.ts';
import type { Sandbox } from '../sandbox.ts';

/** kube-scheduler, not yet started. */
export async function scheduler(sandbox: Sandbox): Promise<Component> {
  const argv = [
    await toolPath('kube-scheduler'),
    ...flags({ kubeconfig: sandbox.path('scheduler.kubeconfig'), 'leader-elect': false, 'bind-address': '127.0.0.1' }),
  ];
  const isReady = httpProbe(sandbox.enterNetwork, 'https://127.0.0.1:10259/healthz');
  return componentIn(sandbox.directory, sandbox.enterNetwork)('kube-scheduler', argv, isReady, {
    // It exits when its cache disagrees with the API server, for example after the API server was killed.
    isRestarted: true,
  });
}
