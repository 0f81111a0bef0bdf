import { CertfleetError } from '@certfleet/shared/errors.ts';

import { boundedText } from '@certfleet/shared/kube/api-error.ts';
import type { CertificateRequestView, RequestCondition } from './certificate-request.ts';
import type { IssuerResponse } from './certificate-issuer.ts';

/** The state of a CertificateRequest according to its status. */
export type RequestOutcome =
  | { readonly kind: 'issued'; readonly response: IssuerResponse }
  | { readonly kind: 'failed'; readonly error: CertfleetError }
  | { readonly kind: 'pending'; readonly message: string; readonly isUnapproved: boolean };

/** Reads the conditions as cert-manager's API defines them. A certificate without Ready is not final yet. */
export function outcomeOf(view: CertificateRequestView): RequestOutcome {
  const condition = (type: string): RequestCondition | undefined => view.conditions.find((each) => each.type === type);
  const ready = condition('Ready');
  const refused = refusalOf(condition, ready);
  if (refused !== undefined) return { kind: 'failed', error: refusalError(view, refused.reason, refused.condition) };
  if (ready?.status === 'True' && view.certificate !== '') {
    return { kind: 'issued', response: { certificatePem: decode(view.certificate), caPem: decode(view.ca) } };
  }
  const approved = condition('Approved');
  return {
    kind: 'pending',
    message: pendingMessage(approved, ready),
    isUnapproved: approved?.status !== 'True',
  };
}

interface Refusal {
  readonly reason: 'RequestDenied' | 'RequestFailed';
  readonly condition: RequestCondition;
}

function refusalOf(
  find: (type: string) => RequestCondition | undefined,
  ready: RequestCondition | undefined,
): Refusal | undefined {
  // Denied takes precedence over the issuer's result.
  const denied = find('Denied');
  if (denied?.status === 'True') return { reason: 'RequestDenied', condition: denied };
  const invalid = find('InvalidRequest');
  if (invalid?.status === 'True') return { reason: 'RequestFailed', condition: invalid };
  if (ready?.status !== 'False') return undefined;
  if (ready.reason === 'Denied') return { reason: 'RequestDenied', condition: ready };
  return ready.reason === 'Failed' ? { reason: 'RequestFailed', condition: ready } : undefined;
}

function refusalError(
  view: CertificateRequestView,
  reason: Refusal['reason'],
  condition: RequestCondition,
): CertfleetError {
  const isDenied = reason === 'RequestDenied';
  const since = view.failureTime === '' ? '' : ` at ${boundedText(view.failureTime)}`;
  const what = `certificate request ${view.namespace}/${view.name} ${isDenied ? 'was denied' : 'failed'}${since}`;
  const code = isDenied ? 'permission-denied' : 'failed-precondition';
  return new CertfleetError(code, `${what}: ${say(condition)}`, { reason });
}

function pendingMessage(approved: RequestCondition | undefined, ready: RequestCondition | undefined): string {
  const parts = approved?.status === 'True' ? [] : ['not approved yet'];
  if (ready !== undefined) parts.push(say(ready));
  return parts.length === 0 ? 'approved, the issuer has not answered yet' : parts.join('; ');
}

function say({ reason, message }: RequestCondition): string {
  return (
    [reason, message]
      .map(boundedText)
      .filter((text) => text !== '')
      .join(': ') || 'no reason given'
  );
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}
