import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { AttributeProblems } from './attribute-problems.ts';
import type { Attribute } from './attribute.ts';
import { attributeGroup } from './attributes.ts';
import { expandVariables } from './expand.ts';
import type { VariableScope } from './expand.ts';

/** Maximum length of one attribute before and after expansion; a pod's whole manifest has at most 1.5 MiB. */
export const maxValue = 65_536;
export const maxValueWords = `must be Unicode text of at most ${maxValue} characters`;

/** Limits the warnings about the items of a hostile list. */
export const maxWarnings = 32;

/** An attribute as the user wrote it. */
interface Written {
  readonly key: string;
  readonly text: string;
}

type AnyAttribute = Pick<Attribute<unknown>, 'name' | 'alias' | 'secret'>;

export interface AttributeSource extends VariableScope {
  readonly raw: Readonly<Record<string, string>>;
  readonly isLenient: boolean;
  /** Whether attributes without effect are refused. */
  readonly isStrict: boolean;
}

/** Reads attributes of the table from a volume's context, and reports problems to `problems`. */
export class AttributeReader {
  readonly warnings: string[] = [];
  readonly #raw: Readonly<Record<string, string>>;
  readonly #scope: VariableScope;
  readonly #problems: AttributeProblems;
  readonly #addressProblems: AttributeProblems;
  readonly #failed = new Set<string>();

  readonly #isLenient: boolean;
  readonly #isStrict: boolean;

  /**
   * @param source with `isLenient`, a wrong value is used as far as possible, and its problem is still reported
   * @param addressProblems receives the problems of attributes that use the pod's addresses
   */
  constructor(source: AttributeSource, problems: AttributeProblems, addressProblems = problems) {
    this.#raw = source.raw;
    this.#scope = source;
    this.#isLenient = source.isLenient;
    this.#isStrict = source.isStrict;
    this.#problems = problems;
    this.#addressProblems = addressProblems;
  }

  /** The attribute's value, or its default if it is unset or wrong. */
  read<Value>(attribute: Attribute<Value>): Value {
    const written = this.#written(attribute);
    if (written === undefined) {
      if (attribute.required === true) this.missing(attribute, `${attribute.name} is a required field`);
      return attribute.unset;
    }
    return this.#parse(attribute, written.text);
  }

  #parse<Value>(attribute: Attribute<Value>, writtenText: string): Value {
    const { podVariables } = this.#scope;
    let text = writtenText;
    podVariables.beginAttribute();
    try {
      if (attribute.expands === true && isBounded(text)) text = expandVariables(text, this.#scope);
      if (!isBounded(text)) {
        this.#rejectRead(attribute, maxValueWords);
        return attribute.unset;
      }
      // The result of an expansion may be empty ("${}"), which means unset.
      if (text === '' || !podVariables.isCheckable) return attribute.unset;
      const value = attribute.parse(text);
      return podVariables.isUnknown ? attribute.unset : value;
    } catch (error) {
      if (!(error instanceof CertfleetError)) throw error;
      this.#rejectRead(attribute, error.message);
      return (this.#isLenient ? attribute.lenient?.(text) : undefined) ?? attribute.unset;
    }
  }

  /** Whether an attribute is unset because a value of the pod is not known yet. */
  get hasUnknownValues(): boolean {
    return this.#scope.podVariables.use.unknown.length > 0;
  }

  /** Whether the user wrote the attribute; the empty string counts as unset. */
  isSet(attribute: AnyAttribute): boolean {
    return this.#written(attribute) !== undefined;
  }

  /** Whether no problem with the attribute is known, so that dependent rules can be checked. */
  isSound(attribute: AnyAttribute): boolean {
    return !this.#failed.has(attribute.name);
  }

  /** Reports an attribute's value as wrong; a secret's value is not repeated. */
  reject(attribute: AnyAttribute, why: string): void {
    this.#rejectTo(this.#problems, attribute, why);
  }

  /** Rejects the attribute that is being read. */
  #rejectRead(attribute: AnyAttribute, why: string): void {
    const { usesAddress } = this.#scope.podVariables;
    this.#rejectTo(usesAddress ? this.#addressProblems : this.#problems, attribute, why);
  }

  #rejectTo(problems: AttributeProblems, attribute: AnyAttribute, why: string): void {
    const { key, text } = this.#written(attribute) ?? { key: keyOf(attribute.name), text: '' };
    this.#failed.add(attribute.name);
    problems.invalid(key, attribute.secret === true ? '[redacted]' : text, why);
  }

  /** Reports an attribute as missing. */
  missing(attribute: AnyAttribute, why: string): void {
    this.#failed.add(attribute.name);
    this.#problems.required(keyOf(attribute.name), why);
  }

  /** Warns the user about a value that is accepted but is probably a mistake. */
  warn(attribute: AnyAttribute, why: string): void {
    if (this.warnings.length >= maxWarnings) return;
    this.warnings.push(`${this.#written(attribute)?.key ?? keyOf(attribute.name)}: ${why}`);
  }

  /** Reports an attribute that has no effect; a warning, or an error in strict mode. */
  ignored(attribute: AnyAttribute, because: string): void {
    if (this.#isStrict) this.reject(attribute, `has no effect, ${because}`);
    else this.warn(attribute, `is ignored, ${because}`);
  }

  /** Reports each attribute that has different values in its two spellings. */
  checkAliases(table: Readonly<Record<string, AnyAttribute>>): void {
    for (const attribute of Object.values(table)) {
      if (attribute.alias === undefined) continue;
      const [text, aliasText] = [this.#textOf(attribute.name), this.#textOf(attribute.alias)];
      if (text === '' || aliasText === '' || text === aliasText) continue;
      this.reject(attribute, `${keyOf(attribute.alias)} has a different value; set one of the two`);
    }
  }

  #written(attribute: AnyAttribute): Written | undefined {
    for (const name of [attribute.name, attribute.alias]) {
      const text = name === undefined ? '' : this.#textOf(name);
      if (name !== undefined && text !== '') return { key: keyOf(name), text };
    }
    return undefined;
  }

  #textOf(name: string): string {
    return Object.hasOwn(this.#raw, keyOf(name)) ? (this.#raw[keyOf(name)] ?? '') : '';
  }
}

function isBounded(text: string): boolean {
  return text.length <= maxValue && text.isWellFormed();
}

/** The attribute's key in a volume context. */
function keyOf(name: string): string {
  return `${attributeGroup}/${name}`;
}
