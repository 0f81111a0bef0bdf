import type { SelectionRequest } from '@certfleet/operator-api/renewals.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { IssuerName } from '../fleet-index/model/indexed-volume.ts';
import { issuerKey } from '../fleet-index/model/indexed-volume.ts';
import type { RenewalSpec } from '../intent/kinds/renewal-kind.ts';

type Selection = RenewalSpec['selection'];
type Status = NonNullable<Selection['status']>;

/**
 * The selection of a Renewal object for a request of the API.
 * @throws CertfleetError invalid-argument for two different values of one criterion, which no volume can match
 */
export function toObjectSelection(request: SelectionRequest): Selection {
  const { issuer, query = {}, ...criteria } = request;
  const { state, isCa, ...others } = query;
  const own = { ...criteria, ...(issuer && { issuer: issuerKey(issuer) }) };
  for (const [name, value] of Object.entries(others)) {
    const ownValue = own[name as keyof typeof own];
    if (ownValue === undefined || ownValue === value) continue;
    throw new CertfleetError('invalid-argument', `the selection and its query have different values of ${name}`);
  }
  const selection: Selection = {
    ...others,
    ...own,
    ...(isCa !== undefined && { isCa: isCa === 'true' }),
    ...(state !== undefined && { status: [...new Set(state.split(','))] as Status }),
  };
  return Object.keys(selection).length === 0 ? { everything: true } : selection;
}

/**
 * The request for the selection of a Renewal object.
 * @throws CertfleetError invalid-argument for a value that no schema can reject
 */
export function toSelectionRequest(selection: Selection): SelectionRequest {
  const { issuer, status, search, expiresBefore, renewsBefore, ...named } = withoutEverything(selection);
  const { workload, label, rsaBelow, signature, lifetimeOver, isCa, usage, ...criteria } = named;
  const properties = { workload, label, rsaBelow, signature, lifetimeOver, isCa: isCa?.toString(), usage };
  const query = {
    ...(search !== undefined && { search }),
    ...(expiresBefore !== undefined && { expiresBefore: checkedTime('expiresBefore', expiresBefore) }),
    ...(renewsBefore !== undefined && { renewsBefore: checkedTime('renewsBefore', renewsBefore) }),
    ...(status !== undefined && { state: status.join(',') }),
    ...Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)),
  };
  if (criteria.issuedBefore !== undefined) checkedTime('issuedBefore', criteria.issuedBefore);
  return {
    ...criteria,
    ...(issuer !== undefined && { issuer: parseIssuer(issuer) }),
    ...(Object.keys(query).length > 0 && { query }),
  };
}

function withoutEverything(selection: Selection): Omit<Selection, 'everything'> {
  const criteria = { ...selection };
  delete criteria.everything;
  return criteria;
}

function parseIssuer(key: string): IssuerName {
  const [, kind, group, namespace, name] = /^([^./]+)\.([^/]+)\/([^/]*)\/([^/]+)$/.exec(key) ?? [];
  if (kind !== undefined && group !== undefined && namespace !== undefined && name !== undefined)
    return { kind, group, namespace, name };
  throw new CertfleetError(
    'invalid-argument',
    `selection.issuer: expected kind.group/namespace/name, with an empty namespace for a cluster-wide issuer, such as ` +
      `ClusterIssuer.cert-manager.io//ca; found ${JSON.stringify(key.slice(0, 256))}`,
  );
}

function checkedTime(name: string, time: string): string {
  if (!Number.isNaN(Date.parse(time))) return time;
  throw new CertfleetError(
    'invalid-argument',
    `selection.${name}: expected a time in RFC 3339, found ${JSON.stringify(time.slice(0, 64))}`,
  );
}
