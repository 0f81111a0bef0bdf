import type { IdentityServer } from '../../gen/csi/v1/csi.ts';
import { unaryHandler } from './unary-handler.ts';
import type { CallObserver } from './unary-handler.ts';

export interface DriverIdentity {
  readonly name: string;
  readonly version: string;
}

/** CSI's Identity service. It offers no capability: an ephemeral node plugin has neither controller nor topology. A driver that answers is ready. */
export function identityService(identity: DriverIdentity, observer: CallObserver): IdentityServer {
  return {
    getPluginInfo: unaryHandler('GetPluginInfo', observer, () =>
      Promise.resolve({ name: identity.name, vendorVersion: identity.version, manifest: {} }),
    ),
    getPluginCapabilities: unaryHandler('GetPluginCapabilities', observer, () => Promise.resolve({ capabilities: [] })),
    probe: unaryHandler('Probe', observer, () => Promise.resolve({ ready: true })),
  };
}
