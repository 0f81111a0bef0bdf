import { CertfleetError } from '@certfleet/shared/errors.ts';

/** Longest part of a hostile key or value that an error repeats; the kubelet cuts events at 1 KiB. */
const maxEcho = 128;
const maxProblems = 64;
const maxNotes = 8;

/** Text made safe for a log line: control, format and line-separator characters escaped, cut when long. */
function printable(text: string): string {
  const shown = text.length > maxEcho ? `${text.slice(0, maxEcho)}…` : text;
  return shown.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    const codePoint = character.codePointAt(0) ?? 0;
    return `\\u${codePoint.toString(16).padStart(4, '0')}`;
  });
}

/** Text in double quotes, fit for an error message. */
export function quoted(text: string): string {
  return `"${printable(text.replace(/["\\]/g, '\\$&'))}"`;
}

/** Collects what is wrong with a volume's attributes, in the words of Kubernetes' field errors. */
export class AttributeProblems {
  readonly #problems: string[] = [];
  readonly #notes: string[] = [];
  #count = 0;

  /** A value that may not stand as it does. */
  invalid(key: string, value: string, why: string): void {
    this.#add(() => `volumeAttributes.${printable(key)}: Invalid value: ${quoted(value)}: ${why}`);
  }

  /** A value that is missing. */
  required(key: string, why: string): void {
    this.#add(() => `volumeAttributes.${printable(key)}: Required value: ${why}`);
  }

  /** An attribute that may not be there; its value may be a secret under a mistyped name and is not repeated. */
  forbidden(key: string, why: string): void {
    this.#add(() => `volumeAttributes.${printable(key)}: Forbidden: ${why}`);
  }

  /** Something that is no error, but may be the cause of one: shown beside problems, if there are any. */
  note(text: string): void {
    if (this.#notes.length < maxNotes) this.#notes.push(text);
  }

  /** The problems' texts, the first of them when there are very many. */
  get texts(): readonly string[] {
    return this.#problems;
  }

  /** @throws CertfleetError invalid-argument, reason InvalidAttributes, that names every problem; nothing if there is none */
  throwIfAny(): void {
    if (this.#count === 0) return;
    const rest = this.#count - this.#problems.length;
    const shown = [...this.#problems, ...this.#notes, ...(rest > 0 ? [`and ${rest} more problems`] : [])];
    const message = shown.length === 1 ? (shown[0] ?? '') : `[${shown.join(', ')}]`;
    throw new CertfleetError('invalid-argument', message, { reason: 'InvalidAttributes' });
  }

  /** A hostile context can hold thousands of problems; the text of those that are not shown is never made. */
  #add(text: () => string): void {
    this.#count += 1;
    if (this.#problems.length < maxProblems) this.#problems.push(text());
  }
}
