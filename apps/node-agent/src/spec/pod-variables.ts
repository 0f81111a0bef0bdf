import { CertfleetError } from '@certfleet/shared/errors.ts';
import { wildcard } from '@certfleet/shared/wildcard.ts';
import { quoted } from './attribute-problems.ts';
import { podVariableNames } from './pod-variable-values.ts';
import type { PodVariableValues } from './pod-variable-values.ts';

/** Which variables of the pod's object this node allows. */
export interface PodVariableSettings {
  /** Keys of labels, `*` matches any text. */
  readonly labels: readonly string[];
  /** Keys of annotations, likewise. */
  readonly annotations: readonly string[];
}

/** The variables of the pod's object that a volume's attributes use. */
export interface PodVariableUse {
  readonly used: readonly string[];
  /** Those of them that have no value yet. */
  readonly unknown: readonly string[];
}

/** The variables of a volume that uses none. */
export const noPodVariables: PodVariableUse = Object.freeze({
  used: Object.freeze([]),
  unknown: Object.freeze([]),
});

/** What is known of the pod's object. */
export interface PodVariableSource {
  /** Undefined if the agent does not read pods. */
  readonly settings: PodVariableSettings | undefined;
  readonly values: PodVariableValues;
  /** Why the pod has no value for a variable. */
  readonly problems: Readonly<Record<string, string>>;
  /**
   * Whether the volume exists already. What this node allows was checked when it was created, and a value that is
   * missing is not known yet: without it, a name would be missing in the certificate.
   */
  readonly isExisting: boolean;
}

/** The addresses of the pod; the other variables are known when the pod is created. */
const addressNames: readonly string[] = ['POD_IP', 'POD_IPS'];

/**
 * Replaces an address that is not known, so that the rest of the value can be checked. It never becomes part of a
 * specification.
 */
const addressToCheck = '192.0.2.1';

const lists = [
  { prefix: 'POD_LABEL_', kind: 'label', setting: 'labels' },
  { prefix: 'POD_ANNOTATION_', kind: 'annotation', setting: 'annotations' },
] as const;

/** The variables of the pod's object in the attributes of one volume. */
export class PodVariables {
  readonly #source: PodVariableSource;
  readonly #used = new Set<string>();
  readonly #unknown = new Set<string>();
  /** Of the attribute that is read now. */
  #usesAddress = false;
  #hasUnknownAddress = false;
  #hasUnknownFact = false;

  constructor(source: PodVariableSource) {
    this.#source = source;
  }

  /** Begins with the next attribute. */
  beginAttribute(): void {
    this.#usesAddress = this.#hasUnknownAddress = this.#hasUnknownFact = false;
  }

  /** Whether the attribute uses the pod's addresses. */
  get usesAddress(): boolean {
    return this.#usesAddress;
  }

  /** Whether the attribute has no value yet. */
  get isUnknown(): boolean {
    return this.#hasUnknownAddress || this.#hasUnknownFact;
  }

  /** Whether the attribute's text can be checked: every value is known, except addresses, which have a replacement. */
  get isCheckable(): boolean {
    return !this.#hasUnknownFact;
  }

  get use(): PodVariableUse {
    return this.#used.size === 0 ? noPodVariables : { used: [...this.#used], unknown: [...this.#unknown] };
  }

  /** Names for an error about an undefined variable. */
  get knownNames(): readonly string[] {
    return this.#source.settings === undefined
      ? []
      : [...podVariableNames, ...lists.map(({ prefix }) => `${prefix}<key>`)];
  }

  /**
   * The value of a variable; undefined if the pod's object has no variable of this name.
   * @throws CertfleetError invalid-argument if this node does not allow the variable, or the pod has no value for it
   */
  valueOf(name: string): string | undefined {
    const list = lists.find(({ prefix }) => name.startsWith(prefix) && name.length > prefix.length);
    if (list === undefined && !podVariableNames.includes(name)) return undefined;
    const { values, problems, isExisting } = this.#source;
    const isAddress = addressNames.includes(name);
    if (isAddress) this.#usesAddress = true;
    if (!isExisting) this.#assertAllowed(name, list);
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    this.#used.add(name);
    if (value !== undefined) return value;
    if (Object.hasOwn(problems, name)) throw invalid(problems[name] ?? '');
    this.#unknown.add(name);
    if (isAddress) this.#hasUnknownAddress = true;
    else this.#hasUnknownFact = true;
    return addressToCheck;
  }

  #assertAllowed(name: string, list: (typeof lists)[number] | undefined): void {
    const { settings } = this.#source;
    if (settings === undefined) {
      const how = "set the chart's app.driver.podVariables.enabled (--pod-variables)";
      throw invalid(`the variable ${quoted(name)} is read from the pod, which this node does not allow: ${how}`);
    }
    if (list === undefined) return;
    const key = name.slice(list.prefix.length);
    if (settings[list.setting].some((pattern) => wildcard(pattern)(key))) return;
    const where = `the chart's app.driver.podVariables.${list.setting} (--pod-variable-${list.kind})`;
    throw invalid(`the ${list.kind} ${quoted(key)} is not allowed in variables: add it to ${where}`);
  }
}

/** Whether a volume needs the pod's addresses. */
export function usesAddresses({ used }: PodVariableUse): boolean {
  return used.some((name) => addressNames.includes(name));
}

function invalid(message: string): CertfleetError {
  return new CertfleetError('invalid-argument', message);
}
