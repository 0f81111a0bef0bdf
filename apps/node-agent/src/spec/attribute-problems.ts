import { CertfleetError } from '@certfleet/shared/errors.ts';

/** Longest part of a hostile key or value that an error repeats; the kubelet cuts events at 1 KiB. */
const longestEcho = 128;
const mostProblems = 64;

/** Text made safe for a log line: control, format and line-separator characters escaped, cut when long. */
function printable(text: string): string {
  const shown = text.length > longestEcho ? `${text.slice(0, longestEcho)}…` : text;
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

  /** A value that may not stand as it does. */
  invalid(key: string, value: string, why: string): void {
    this.#problems.push(`volumeAttributes.${printable(key)}: Invalid value: ${quoted(value)}: ${why}`);
  }

  /** A value that is missing. */
  required(key: string, why: string): void {
    this.#problems.push(`volumeAttributes.${printable(key)}: Required value: ${why}`);
  }

  /** @throws CertfleetError invalid-argument, reason InvalidAttributes, that names every problem; nothing if there is none */
  throwIfAny(): void {
    if (this.#problems.length === 0) return;
    const shown = this.#problems.slice(0, mostProblems);
    const rest = this.#problems.length - shown.length;
    if (rest > 0) shown.push(`and ${rest} more problems`);
    const message = shown.length === 1 ? (shown[0] ?? '') : `[${shown.join(', ')}]`;
    throw new CertfleetError('invalid-argument', message, { reason: 'InvalidAttributes' });
  }
}
