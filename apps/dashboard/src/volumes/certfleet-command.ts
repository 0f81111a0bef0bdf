import { riskOfView } from './volumes-view.ts';
import type { FilterName, VolumesView } from './volumes-view.ts';

/** The flags of `certfleet list` for the filters with a value. */
const flags: Readonly<Record<Exclude<FilterName, 'isCa' | 'risk'>, string>> = {
  search: 'search',
  namespace: 'namespace',
  pod: 'pod',
  node: 'node',
  volumeId: 'volume',
  issuer: 'issuer',
  served: 'served',
  expiresBefore: 'expires-before',
  expiresAfter: 'expires-after',
  renewsBefore: 'renews-before',
  renewsAfter: 'renews-after',
  issuedBefore: 'issued-before',
  issuedAfter: 'issued-after',
  workload: 'workload',
  label: 'label',
  rsaBelow: 'rsa-below',
  signature: 'signature',
  lifetimeOver: 'lifetime-over',
  requestedOver: 'requested-over',
  usage: 'usage',
  caFingerprint: 'ca-fingerprint',
};

const hasFlag = (name: string): name is keyof typeof flags => Object.hasOwn(flags, name);

/** The command that lists the volumes of a table. */
export function certfleetCommand(view: VolumesView): string {
  const { filters, states, group } = view;
  const { isCa } = filters;
  const risk = riskOfView(view);
  const order = view.order === 'desc' ? ' --order=desc' : '';
  return [
    'certfleet list',
    ...(risk === 'any' ? ['--at-risk'] : []),
    ...(risk === undefined || risk === 'any' ? [] : [`--risk=${risk}`]),
    ...(isCa === undefined ? [] : [isCa === 'true' ? '--is-ca' : '--not-ca']),
    ...Object.entries(filters).flatMap(([name, value]) => (hasFlag(name) ? [`--${flags[name]}=${quoted(value)}`] : [])),
    ...(states.length === 0 ? [] : [`--state=${states.join(',')}`]),
    ...(group === undefined ? [`--sort=${view.sort}${order}`] : [`--group-by=${group}`]),
  ].join(' ');
}

/** Quoted for a POSIX shell if needed. */
function quoted(text: string): string {
  return /^[\w.,:/@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
