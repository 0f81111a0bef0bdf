import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import type { ProbeFailure } from '@certfleet/fleet-model/vocabulary.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { ProbeSpec } from '../spec/volume-spec.ts';
import { LimitedStream } from './limited-stream.ts';

/** A server of a pod. */
export interface ProbeTarget extends ProbeSpec {
  /** An IP address: no name is looked up. */
  readonly address: string;
}

/** The SHA-256 of the server's certificate in lower-case hexadecimal, or why there is none. */
export type ProbeResult = { readonly fingerprintSha256: string } | { readonly failure: ProbeFailure };

/** Ends a probe before its timeout. */
export interface ProbeContext {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** For connection and handshake together, and again for the end of the connection after the handshake. */
export const probeTimeoutMs = 5_000;

/** A handshake with a chain of ten certificates of 4096 bits has 20 KiB. */
export const maxHandshakeBytes = 64 * 1024;

/**
 * The server is not trusted, so its name and chain are not checked. The work that it can cause is limited: no
 * finite-field Diffie-Hellman, whose groups a server chooses, and no hybrid key shares, which do not fit into the first
 * packet that some servers read. Old servers with short keys have a certificate too (SECLEVEL).
 */
const tlsOptions: ConnectionOptions = {
  rejectUnauthorized: false,
  checkServerIdentity: () => undefined,
  ciphers: 'ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES@SECLEVEL=0',
  ecdhCurve: 'X25519:P-256:P-384:P-521',
};

/**
 * Reads the certificate that a server presents, by one TLS handshake without a client certificate. No data is sent or
 * read after it. A server may be hostile: whatever it sends, the result comes within the timeout, and the connection is
 * closed by then. Never throws.
 */
export function readServedCertificate(target: ProbeTarget, context: ProbeContext): Promise<ProbeResult> {
  const { promise, resolve } = Promise.withResolvers<ProbeResult>();
  const { address, port, serverName } = target;
  let result: ProbeResult | undefined;
  // A server with TLS 1.2 that requires a client certificate ends the handshake, but has shown its own before.
  const look = (): void => {
    const fingerprint = fingerprintOf(tls);
    if (fingerprint !== undefined) result = { fingerprintSha256: fingerprint };
  };
  const tcp = connectTcp({ host: address, port });
  const stream = new LimitedStream(tcp, { maxBytes: maxHandshakeBytes, onChunk: look });
  const tls = connectTls({
    ...tlsOptions,
    socket: stream,
    ...(serverName !== undefined && { servername: serverName }),
  });
  const end = (failure: ProbeFailure): void => {
    if (result === undefined && !tls.destroyed) look();
    result ??= { failure };
    tls.destroy();
    stream.destroy();
  };
  let cancelTimer = context.clock.schedule(probeTimeoutMs, () => end('timeout'));
  const onAbort = (): void => end('timeout');
  stream.on('error', (error) => end(failureOf(error)));
  tls.on('error', (error) => end(failureOf(error)));
  tls.on('close', () => end('no-certificate'));
  tls.on('secureConnect', () => {
    look();
    cancelTimer();
    cancelTimer = context.clock.schedule(probeTimeoutMs, () => end('timeout'));
    // Answers the server's end of the connection, so that its log shows no connection that was reset.
    tls.resume();
    tls.end();
  });
  tcp.once('close', () => {
    end('no-certificate');
    cancelTimer();
    context.signal.removeEventListener('abort', onAbort);
    resolve(result ?? { failure: 'no-certificate' });
  });
  context.signal.addEventListener('abort', onAbort, { once: true });
  if (context.signal.aborted) onAbort();
  return promise;
}

function fingerprintOf(tls: TLSSocket): string | undefined {
  return tls.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase();
}

function failureOf(error: NodeJS.ErrnoException): ProbeFailure {
  if (error.code === 'ECONNREFUSED') return 'refused';
  // Of the kernel; also what a firewall answers for an address that it does not let through.
  const unreachable = ['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'];
  return unreachable.includes(error.code ?? '') ? 'timeout' : 'no-certificate';
}
