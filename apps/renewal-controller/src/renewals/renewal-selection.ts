import { normalFingerprint } from '@certfleet/operator-api/fingerprint.ts';
import type { SelectionRequest } from '@certfleet/operator-api/renewals.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { IssuerName } from '../fleet-index/model/indexed-volume.ts';
import { issuerKey } from '../fleet-index/model/indexed-volume.ts';
import type { RenewalSpec } from '../intent/kinds/renewal-kind.ts';

type Selection = RenewalSpec['selection'];
type Status = NonNullable<Selection['status']>;
type Served = NonNullable<Selection['served']>;

/**
 * The selection of a Renewal object for a request of the API.
 * @throws CertfleetError invalid-argument for two different values of one criterion, which no volume can match
 */
export function toObjectSelection(request: SelectionRequest): Selection {
  const { issuer, query = {}, ...criteria } = normalized(request);
  const { state, served, isCa, ...others } = query;
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
    ...(served !== undefined && { served: [...new Set(served.split(','))] as Served }),
  };
  return Object.keys(selection).length === 0 ? { everything: true } : selection;
}

/** The object accepts one form of a fingerprint. */
function normalized({ caFingerprint, query, ...others }: SelectionRequest): SelectionRequest {
  const inQuery = query?.caFingerprint;
  return {
    ...others,
    ...(caFingerprint !== undefined && { caFingerprint: normalFingerprint(caFingerprint) }),
    ...(query && {
      query: { ...query, ...(inQuery !== undefined && { caFingerprint: normalFingerprint(inQuery) }) },
    }),
  };
}

/**
 * The request for the selection of a Renewal object.
 * @throws CertfleetError invalid-argument for a value that no schema can reject
 */
export function toSelectionRequest(selection: Selection): SelectionRequest {
  const { issuer, status, served, search, ...timed } = withoutEverything(selection);
  const { expiresBefore, expiresAfter, renewsBefore, renewsAfter, issuedAfter, ...named } = timed;
  const { workload, label, rsaBelow, signature, lifetimeOver, requestedOver, isCa, usage, ...criteria } = named;
  const key = issuerOfKey(issuer);
  const query = given({
    search,
    ...checkedTimes({ expiresBefore, expiresAfter, renewsBefore, renewsAfter, issuedAfter }),
    state: status?.join(','),
    served: served?.join(','),
    issuer: key === undefined ? checkedIssuers(issuer) : undefined,
    ...{ workload, label, rsaBelow, signature, lifetimeOver, requestedOver, isCa: isCa?.toString(), usage },
  });
  checkedTimes({ issuedBefore: criteria.issuedBefore });
  return { ...criteria, ...given({ issuer: key, query: Object.keys(query).length === 0 ? undefined : query }) };
}

/** Without what is undefined. */
const given = (values: Readonly<Record<string, unknown>>): object =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

function withoutEverything(selection: Selection): Omit<Selection, 'everything'> {
  const criteria = { ...selection };
  delete criteria.everything;
  return criteria;
}

/** Undefined if the text is no key of one issuer. */
function issuerOfKey(text = ''): IssuerName | undefined {
  const [, kind, group, namespace, name] = /^([^./*,]+)\.([^/*,]+)\/([^/*,]*)\/([^/*,]+)$/.exec(text) ?? [];
  const isKey = kind !== undefined && group !== undefined && namespace !== undefined && name !== undefined;
  return isKey ? { kind, group, namespace, name } : undefined;
}

/** A name or `namespace/name` has no upper case, so that an incomplete key is none. */
const shownIssuer = /^([a-z0-9.-]+\/)?[a-z0-9.-]+$/;

/** Keys, names as the table of volumes shows them, and patterns. */
function checkedIssuers(text: string | undefined): string | undefined {
  for (const each of text?.split(',').map((part) => part.trim()) ?? []) {
    if (each.includes('*') || issuerOfKey(each) !== undefined || shownIssuer.test(each)) continue;
    throw new CertfleetError(
      'invalid-argument',
      `selection.issuer: expected kind.group/namespace/name, with an empty namespace for a cluster-wide issuer, such as ` +
        `ClusterIssuer.cert-manager.io//ca, or a name, namespace/name or pattern; found ${JSON.stringify(each.slice(0, 256))}`,
    );
  }
  return text;
}

/** The times by their names. */
function checkedTimes<T extends Readonly<Record<string, string | undefined>>>(times: T): T {
  for (const [name, time] of Object.entries(times)) {
    if (time === undefined || !Number.isNaN(Date.parse(time))) continue;
    throw new CertfleetError(
      'invalid-argument',
      `selection.${name}: expected a time in RFC 3339, found ${JSON.stringify(time.slice(0, 64))}`,
    );
  }
  return times;
}
