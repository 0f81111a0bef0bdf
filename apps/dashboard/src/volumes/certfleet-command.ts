import { riskOfView } from './volumes-view.ts';
import type { FilterName, VolumesView } from './volumes-view.ts';

/** The flags of `certfleet list` for the filters that it has. */
const flags: Readonly<Partial<Record<FilterName, string>>> = {
  search: 'search',
  namespace: 'namespace',
  pod: 'pod',
  node: 'node',
  volumeId: 'volume',
  issuer: 'issuer',
  served: 'served',
  expiresBefore: 'expires-before',
  workload: 'workload',
  label: 'label',
  rsaBelow: 'rsa-below',
  signature: 'signature',
  lifetimeOver: 'lifetime-over',
  requestedOver: 'requested-over',
  usage: 'usage',
  caFingerprint: 'ca-fingerprint',
};

/** The command that lists the volumes of a table; undefined if the command line lacks one of its filters. */
export function certfleetCommand(view: VolumesView): string | undefined {
  const { filters, states, group } = view;
  const risk = riskOfView(view);
  if (risk !== undefined && risk !== 'any') return undefined;
  if (filters.isCa === 'false') return undefined;
  const given = Object.entries(filters).filter(([name]) => name !== 'risk' && name !== 'isCa');
  const parts = given.map(([name, value]) => [flags[name as FilterName], value] as const);
  if (parts.some(([flag]) => flag === undefined)) return undefined;
  return [
    'certfleet list',
    ...(risk === undefined ? [] : ['--at-risk']),
    ...(filters.isCa === undefined ? [] : ['--is-ca']),
    ...parts.map(([flag, value]) => `--${flag}=${quoted(value)}`),
    ...(states.length === 0 ? [] : [`--state=${states.join(',')}`]),
    ...(group === undefined ? [`--sort=${view.sort}`] : [`--group-by=${group}`]),
  ].join(' ');
}

/** Quoted for a POSIX shell if needed. */
function quoted(text: string): string {
  return /^[\w.,:/@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
