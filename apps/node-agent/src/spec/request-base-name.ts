/** So much is left for what follows: a dash, twelve hex digits, and with another dash each a generation and an attempt. */
const maxBaseLength = 200;

/**
 * The first part of a CertificateRequest's name, for the reader: the pod's name, cut so that the name with
 * `-<12 hex digits>-<number>` and a short suffix behind it is a DNS subdomain (RFC 1123) of at most 253 characters.
 * A part of a name may end in a dot or a dash, which no dash may follow.
 */
export function requestBaseName(podName: string): string {
  return podName.slice(0, maxBaseLength).replace(/[-.]+$/, '');
}
