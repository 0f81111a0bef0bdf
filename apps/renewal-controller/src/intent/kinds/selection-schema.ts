import { servedStates, volumeStatuses } from '@certfleet/fleet-model/vocabulary.ts';
import { Type } from 'typebox';
import { closedObject, text, timestamp } from '@certfleet/shared/kube/kind-schema.ts';

/** As in the filter of the API. */
const labelForm = '[A-Za-z0-9][A-Za-z0-9./_-]{0,316}=[A-Za-z0-9._*-]{1,128}';

/** One or more names or patterns. */
const names = (what: string, maxLength?: number) =>
  text(`${what}; one or more, separated by commas; * matches any text`, maxLength);

/** The criteria of a selection of volumes that every kind with a selection has. */
export const commonCriteria = {
  namespace: Type.Optional(names('Namespace of the pods')),
  pod: Type.Optional(names('Name of the pod')),
  labelSelector: Type.Optional(text('Label selector of pods, in the syntax of kubectl', 1_024)),
  node: Type.Optional(names('Name of the node')),
  volumeId: Type.Optional(text('Id of the volume')),
  issuer: Type.Optional(names('Key of the issuer, kind.group/namespace/name, its name or namespace/name', 1_100)),
  issuedBefore: Type.Optional(timestamp('Issued before this time')),
  issuedAfter: Type.Optional(timestamp('Issued at this time or later')),
  status: Type.Optional(
    Type.Array(Type.Enum([...volumeStatuses]), {
      minItems: 1,
      maxItems: volumeStatuses.length,
      description: 'One of these statuses',
    }),
  ),
  served: Type.Optional(
    Type.Array(Type.Enum([...servedStates]), {
      minItems: 1,
      maxItems: servedStates.length,
      description: 'The server of the pod was seen in one of these states',
    }),
  ),
  search: Type.Optional(
    text(
      'Part of pod, namespace, namespace/pod, node, volume id, issuer, DNS name, URI, IP address, serial, fingerprint or failure',
    ),
  ),
  expiresBefore: Type.Optional(timestamp('Expires before this time')),
  expiresAfter: Type.Optional(timestamp('Expires at this time or later')),
  renewsBefore: Type.Optional(timestamp('Due for renewal before this time')),
  renewsAfter: Type.Optional(timestamp('Due for renewal at this time or later')),
  workload: Type.Optional(names('What created the pods: name, kind/name or namespace/kind/name', 512)),
  label: Type.Optional(
    Type.String({
      maxLength: 1_024,
      pattern: `^${labelForm}(, ?${labelForm})*$`,
      description:
        'Reported labels of the pods, key=value, separated by commas; several values of one key match any of them; * matches any text',
    }),
  ),
  rsaBelow: Type.Optional(
    Type.String({ pattern: '^[1-9][0-9]{0,5}$', description: 'Certificates of RSA keys with fewer bits' }),
  ),
  signature: Type.Optional(
    text('Signed by one of these algorithms as OpenSSL names them, separated by commas; * matches any text'),
  ),
  lifetimeOver: Type.Optional(
    Type.String({
      pattern: '^[1-9][0-9]{0,6}[smhd]$',
      description: 'Certificates that are valid for longer, such as 90d',
    }),
  ),
  requestedOver: Type.Optional(
    Type.String({
      pattern: '^[1-9][0-9]{0,6}[smhd]$',
      description: 'Volumes that request a longer lifetime, such as 90d',
    }),
  ),
  isCa: Type.Optional(Type.Boolean({ description: 'Whether the certificate may sign certificates' })),
  usage: Type.Optional(
    text('With one of these key usages as cert-manager names them, separated by commas; * matches any text'),
  ),
  volumes: Type.Optional(
    Type.Array(closedObject({ node: text('Name of the node'), volumeId: text('Id of the volume') }), {
      minItems: 1,
      maxItems: 1_000,
      description: 'These volumes',
    }),
  ),
};

/** A CEL rule: one of these optional fields is set. */
export const hasOneOf = (names: readonly string[]): string => names.map((name) => `has(self.${name})`).join(' || ');

/** CEL rules that forbid to change, add or remove optional fields. */
export const immutableRules = (
  names: readonly string[],
): readonly { readonly rule: string; readonly message: string }[] =>
  names.map((name) => ({
    rule: `has(self.${name}) == has(oldSelf.${name}) && (!has(self.${name}) || self.${name} == oldSelf.${name})`,
    message: `${name} is immutable`,
  }));
