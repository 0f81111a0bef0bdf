/** Leaves room for a dash, twelve hex digits, and a generation and attempt with a dash each. */
const maxBaseLength = 200;

/**
 * The readable first part of a CertificateRequest's name: the pod's name, truncated so that the name with `-<12 hex
 * digits>-<number>` and a short suffix is a DNS subdomain (RFC 1123) of at most 253 characters. Trailing dots and
 * dashes are removed, because a dash follows.
 */
export function requestBaseName(podName: string): string {
  return podName.slice(0, maxBaseLength).replace(/[-.]+$/, '');
}
