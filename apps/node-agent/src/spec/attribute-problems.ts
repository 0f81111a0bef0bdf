import { CertfleetError } from '@certfleet/shared/errors.ts';

/** Maximum length of a key or value that an error repeats; the kubelet truncates Events at 1 KiB. */
const maxEcho = 128;
const maxProblems = 64;
const maxNotes = 8;

/** Makes text safe for a log line: escapes control, format and line-separator characters, and truncates it. */
function printable(text: string): string {
  const shown = text.length > maxEcho ? `${text.slice(0, maxEcho)}…` : text;
  return shown.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    const codePoint = character.codePointAt(0) ?? 0;
    return `\\u${codePoint.toString(16).padStart(4, '0')}`;
  });
}

/** Text in double quotes for an error message. */
export function quoted(text: string): string {
  return `"${printable(text.replace(/["\\]/g, '\\$&'))}"`;
}

/** Collects the problems of a volume's attributes, in the format of Kubernetes' field errors. */
export class AttributeProblems {
  readonly #problems: string[] = [];
  readonly #notes: string[] = [];
  #count = 0;

  invalid(key: string, value: string, why: string): void {
    this.#add(() => `volumeAttributes.${printable(key)}: Invalid value: ${quoted(value)}: ${why}`);
  }

  /** A missing value. */
  required(key: string, why: string): void {
    this.#add(() => `volumeAttributes.${printable(key)}: Required value: ${why}`);
  }

  /** An attribute that is not allowed; its value may be a secret under a mistyped name and is not repeated. */
  forbidden(key: string, why: string): void {
    this.#add(() => `volumeAttributes.${printable(key)}: Forbidden: ${why}`);
  }

  /** Not an error, but possibly the cause of one: shown together with problems, if there are any. */
  note(text: string): void {
    if (this.#notes.length < maxNotes) this.#notes.push(text);
  }

  /** The problems' texts; only the first ones if there are very many. */
  get texts(): readonly string[] {
    return this.#problems;
  }

  /**
   * @throws CertfleetError invalid-argument, reason InvalidAttributes, that lists every problem; does nothing without
   * problems
   */
  throwIfAny(): void {
    if (this.#count === 0) return;
    const rest = this.#count - this.#problems.length;
    const shown = [...this.#problems, ...this.#notes, ...(rest > 0 ? [`and ${rest} more problems`] : [])];
    const message = shown.length === 1 ? (shown[0] ?? '') : `[${shown.join(', ')}]`;
    throw new CertfleetError('invalid-argument', message, { reason: 'InvalidAttributes' });
  }

  /** A hostile context can contain thousands of problems; texts that are not shown are not created. */
  #add(text: () => string): void {
    this.#count += 1;
    if (this.#problems.length < maxProblems) this.#problems.push(text());
  }
}
