import type { JSX } from 'preact';
import { laneHref } from '../routing/route.ts';

/** The parts of an issuer's key, `kind.group/namespace/name`. */
export interface IssuerParts {
  readonly kind: string;
  readonly group: string;
  readonly namespace: string;
  readonly name: string;
}

/** Splits an issuer's key; a name may contain anything except a slash. */
export function issuerParts(key: string): IssuerParts {
  const [type = '', namespace = '', name = key] = key.split('/');
  const dot = type.indexOf('.');
  return {
    kind: dot < 0 ? type : type.slice(0, dot),
    group: dot < 0 ? '' : type.slice(dot + 1),
    namespace,
    name,
  };
}

export interface IssuerNameProps {
  readonly issuer: string;
  readonly laneId: string;
  /** Whether the kind is shown only in the tooltip. */
  readonly isShort?: boolean;
}

/** An issuer's name with kind and namespace, linked to its lane. */
export function IssuerName({ issuer, laneId, isShort = false }: IssuerNameProps): JSX.Element {
  const { kind, namespace, name } = issuerParts(issuer);
  const text = namespace === '' ? name : `${namespace}/${name}`;
  return (
    <span title={issuer}>
      <a class={isShort ? 'cut' : undefined} href={laneHref(laneId)}>
        {text}
      </a>
      {!isShort && <span class="dim small"> {kind}</span>}
    </span>
  );
}
