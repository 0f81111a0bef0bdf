/** The available columns of the table of pod certificates, in order. */
export const podCertificateColumnNames = [
  'namespace',
  'pod',
  'signer',
  'state',
  'refreshes',
  'expires',
  'node',
  'workload',
  'risk',
  'key',
  'volumes',
  'service-account',
] as const;
export type PodCertificateColumn = (typeof podCertificateColumnNames)[number];

const optional: readonly string[] = ['risk', 'key', 'volumes', 'service-account'];

/** The columns that are shown unless the address selects others. */
export const defaultPodCertificateColumns = podCertificateColumnNames.filter((name) => !optional.includes(name));

export function isPodCertificateColumn(word: string): word is PodCertificateColumn {
  return podCertificateColumnNames.some((name) => name === word);
}
