import type { Parser } from './text-rule.ts';

/** One volume attribute: its parser, its default, and its text on the reference page. */
export interface Attribute<Value> {
  /** Without the group. */
  readonly name: string;
  /** Another spelling with the same meaning. */
  readonly alias?: string;
  /** The default in the attribute's syntax, or a description of it if there is no single value. */
  readonly defaultText: string;
  /** The value of an unset attribute. */
  readonly unset: Value;
  readonly required?: true;
  /** Whether the pod's variables are expanded before the value is parsed. */
  readonly expands?: true;
  /** Whether errors must not repeat the value. */
  readonly secret?: true;
  readonly help: string;
  /**
   * Reads a value that `parse` refuses for an existing volume, as cert-manager's csi-driver would. Undefined or the
   * default if that is not possible. Never throws.
   */
  readonly lenient?: (text: string) => Value | undefined;
  readonly parse: Parser<Value>;
}

type Row<Value> = Omit<Attribute<Value>, 'defaultText' | 'unset'>;

/** An attribute with a default, which its own parser reads. */
export function withDefault<Value>(defaultText: string, row: Row<Value>): Attribute<Value> {
  return Object.freeze({ ...row, defaultText, unset: row.parse(defaultText) });
}

/** An attribute without a default; `defaultText` describes the effect. */
export function optional<Value>(row: Row<Value>, defaultText = ''): Attribute<Value | undefined> {
  return Object.freeze({ ...row, defaultText, unset: undefined });
}
