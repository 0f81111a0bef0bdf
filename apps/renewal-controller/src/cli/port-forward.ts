import { duplexPair, PassThrough } from 'node:stream';
import type { Duplex } from 'node:stream';
import { PortForward } from '@kubernetes/client-node';
import type { KubeConfig } from '@kubernetes/client-node';
import { CertfleetError, messageOf } from '@certfleet/shared/errors.ts';

export interface PodPort {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
}

/** Opens a connection to a port of a pod through the API server. */
export type ForwardPort = (config: KubeConfig, target: PodPort) => Promise<Duplex>;

/**
 * Opens a connection as `kubectl port-forward` does. If it fails later, the stream is destroyed with a CertfleetError.
 * @throws CertfleetError unavailable or permission-denied
 */
export const forwardPort: ForwardPort = async (config, { namespace, pod, port }) => {
  const [stream, far] = duplexPair();
  const errors = new PassThrough();
  const opened: unknown = await new PortForward(config)
    .portForward(namespace, pod, [port], far, errors, far)
    .catch((thrown: unknown) => {
      stream.destroy();
      // A WebSocket fails with an event.
      const { message = messageOf(thrown) } = thrown as { readonly message?: string };
      throw forwardError(pod, message);
    });
  // Without retries, it is the WebSocket.
  const socket = opened as OpenedSocket;
  errors.setEncoding('utf8').on('data', (text: string) => void stream.destroy(forwardError(pod, text.trim())));
  socket.onclose = () => void far.end();
  stream.once('close', () => socket.close());
  return stream;
};

interface OpenedSocket {
  onclose: (() => void) | null;
  close(): void;
}

/** A refusal of the upgrade contains only the status. */
function forwardError(pod: string, why: string): CertfleetError {
  const message = `could not forward a port to the pod ${pod}: ${why.slice(0, 500)}`;
  if (!/\b40[13]$/.test(why)) return new CertfleetError('unavailable', message);
  const right = 'it needs the rights get and create of pods/portforward in the namespace of the controller';
  return new CertfleetError('permission-denied', `${message}; ${right}`);
}
