import type { RegistrationServer } from '../../gen/pluginregistration/v1/api.ts';
import { unaryHandler } from './unary-handler.ts';
import type { CallObserver } from './unary-handler.ts';

/** The driver's registration, and the callback for the kubelet's result. */
export interface Registration {
  readonly driverName: string;
  /** The driver's socket as the kubelet sees it: a path on the host. */
  readonly endpoint: string;
  readonly onStatus: (registered: boolean, error: string) => void;
}

/**
 * The kubelet's plugin registration API (pluginregistration v1), served by the driver itself instead of a registrar.
 */
export function registrationService(registration: Registration, observer: CallObserver): RegistrationServer {
  return {
    getInfo: unaryHandler('GetInfo', observer, () =>
      Promise.resolve({
        type: 'CSIPlugin',
        name: registration.driverName,
        endpoint: registration.endpoint,
        // Versions of the CSI specification, not of the driver.
        supportedVersions: ['1.0.0'],
      }),
    ),
    notifyRegistrationStatus: unaryHandler('NotifyRegistrationStatus', observer, ({ pluginRegistered, error }) => {
      registration.onStatus(pluginRegistered, error);
      return Promise.resolve({});
    }),
  };
}
