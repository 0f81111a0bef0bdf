import { shellQuoted } from '../ui/shell-argument.ts';
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
    ...Object.entries(filters).flatMap(([name, value]) =>
      hasFlag(name) ? [`--${flags[name]}=${shellQuoted(value)}`] : [],
    ),
    ...(states.length === 0 ? [] : [`--state=${states.join(',')}`]),
    ...(group === undefined ? [`--sort=${view.sort}${order}`] : [`--group-by=${group}`]),
  ].join(' ');
}

/** The command that shows a volume; undefined if its id could be taken for a flag. */
export const showVolume = (volumeId: string): string | undefined =>
  volumeId.startsWith('-') ? undefined : `certfleet show ${shellQuoted(volumeId)}`;
