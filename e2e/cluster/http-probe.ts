import { run } from './command.ts';
import type { ClusterPki, ClientName } from './pki.ts';

/**
 * An HTTP request inside a network namespace; true for a status below 400. Without `tls` any certificate is accepted:
 * several components serve their health check with a self-signed one.
 */
export function httpProbe(
  prefix: readonly string[],
  url: string,
  tls?: { readonly pki: ClusterPki; readonly client: ClientName },
): () => Promise<boolean> {
  const flags = ['--silent', '--fail', '--output', '/dev/null', '--noproxy', '*', '--max-time', '5'];
  if (tls === undefined) {
    flags.push('--insecure');
  } else {
    const { certificate, key } = tls.pki.clients[tls.client];
    flags.push('--cacert', tls.pki.ca.certificate, '--cert', certificate, '--key', key);
  }
  return () =>
    run(['curl', ...flags, url], { prefix }).then(
      () => true,
      () => false,
    );
}
