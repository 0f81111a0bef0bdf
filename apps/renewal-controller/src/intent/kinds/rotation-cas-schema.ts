import { Type } from 'typebox';
import type { Static, TObject, TProperties, TString } from 'typebox';
import { closedObject, text, withRules } from '@certfleet/shared/kube/kind-schema.ts';

export const maxPem = 65_536;
const begin = '-----BEGIN CERTIFICATE-----';
const end = '-----END CERTIFICATE-----';
const pemMessage = 'must be certificates in PEM, and no private key';

/** Certificates in PEM. The controller also checks that they are CA certificates. */
const certificates = (description: string): TString =>
  Type.String({
    minLength: 1,
    maxLength: maxPem,
    description,
    ...withRules(
      { rule: `self.contains('${begin}') && self.contains('${end}')`, message: pemMessage },
      { rule: `!self.contains('PRIVATE KEY')`, message: pemMessage },
    ),
  });

const caFingerprint = (description: string): TString =>
  Type.String({ maxLength: 64, pattern: '^[0-9a-f]{64}$', description });

/** A CA, named in one of these ways, which never changes. */
const namedCa = <Properties extends TProperties>(name: string, properties: Properties): TObject<Properties> =>
  closedObject(
    properties,
    withRules(
      {
        rule: `${Object.keys(properties)
          .map((each) => `(has(self.${each}) ? 1 : 0)`)
          .join(' + ')} == 1`,
        message: oneOfMessage(Object.keys(properties)),
      },
      { rule: 'self == oldSelf', message: `${name} is immutable` },
    ),
  );

const oneOfMessage = (names: readonly string[]): string => `needs exactly one of ${names.join(', ')}`;
const waysToName = { from: ['certificate', 'fingerprint', 'issuer'], to: ['certificate', 'fingerprint'] } as const;

export const rotationCas = {
  from: namedCa('from', {
    certificate: Type.Optional(certificates('The root of the CA that is replaced')),
    fingerprint: Type.Optional(caFingerprint('SHA-256 of the CA that is replaced; volumes of the fleet must have it')),
    issuer: Type.Optional(
      text(
        'Key of the issuer whose CA is replaced, kind.group/namespace/name; its volumes must have the same CA',
        1_100,
      ),
    ),
  }),
  to: namedCa('to', {
    certificate: Type.Optional(certificates('The roots of the CA that replaces it')),
    fingerprint: Type.Optional(caFingerprint('SHA-256 of the CA that replaces it; volumes of the fleet must have it')),
  }),
};

const differ = (field: string): string =>
  `(!has(self.from.${field}) || !has(self.to.${field}) || self.from.${field} != self.to.${field})`;

/** A CEL rule. */
export const casDiffer = {
  rule: `${differ('certificate')} && ${differ('fingerprint')}`,
  message: 'from and to must differ',
};

interface RotationCas {
  readonly from: Static<(typeof rotationCas)['from']>;
  readonly to: Static<(typeof rotationCas)['to']>;
}

/** The CEL rules of the CAs again, for the file store. */
export function caProblems({ from, to }: RotationCas): readonly string[] {
  const isPem = (text: string): boolean => text.includes(begin) && text.includes(end) && !text.includes('PRIVATE KEY');
  const isSame = (['certificate', 'fingerprint'] as const).some(
    (each) => from[each] !== undefined && from[each] === to[each],
  );
  return [
    ...Object.entries({ from, to }).flatMap(([name, { certificate }]) =>
      certificate === undefined || isPem(certificate) ? [] : [`${name}.certificate: ${pemMessage}`],
    ),
    ...Object.entries({ from, to }).flatMap(([name, ca]) =>
      Object.keys(ca).length === 1 ? [] : [`${name}: ${oneOfMessage(waysToName[name as 'from' | 'to'])}`],
    ),
    ...(isSame ? ['from and to must differ'] : []),
  ];
}
