// Text of CEL expressions. In all of them, `a` is the map of a volume's attributes.
import type { Attribute } from '../../apps/node-agent/src/spec/attribute.ts';
import { maxValue, maxValueWords } from '../../apps/node-agent/src/spec/attribute-reader.ts';
import { attributeGroup } from '../../apps/node-agent/src/spec/attributes.ts';
import type { TextRule } from '../../apps/node-agent/src/spec/text-rule.ts';

/** An attribute of the table, of whatever type. */
export type AnyAttribute = Attribute<unknown>;

/** A problem: an expression of a list of the key, `=` and the value (or the kind of the problem), and the reason. */
export type Problem = string;

/** A string literal; also escapes what YAML or an editor could change. */
export function quote(text: string): string {
  return JSON.stringify(text).replace(/[^\x20-\x7e]/gu, (character) => {
    const codePoint = character.codePointAt(0) ?? 0;
    return `\\U${codePoint.toString(16).padStart(8, '0')}`;
  });
}

/** A regular expression in RE2's syntax, as a literal. */
export function pattern({ source, flags }: RegExp): string {
  if (/\(\?(?!:)|\\[1-9bBsS]|'/.test(source)) throw new Error(`${source} is not in the syntax that RE2 shares`);
  const translated = source.replace(/\\u\{?([\da-f]{4,6})\}?/gi, '\\x{$1}').replaceAll('\\/', '/');
  return `r'${flags.includes('i') ? '(?i)' : ''}${translated}'`;
}

/** The attribute's key in `volumeAttributes`. */
export const keyOf = (name: string): string => `${attributeGroup}/${name}`;

/** What is written under one name; empty if there is nothing. */
export const written = (name: string): string => `a[?${quote(keyOf(name))}].orValue("")`;

/** The text of an attribute under either of its names; empty if it is unset. */
export function textOf({ name, alias }: AnyAttribute): string {
  return alias === undefined ? written(name) : `(${written(name)} != "" ? ${written(name)} : ${written(alias)})`;
}

/** The key under which an attribute is written. */
export function writtenKey({ name, alias }: AnyAttribute): string {
  const key = quote(keyOf(name));
  if (alias === undefined) return key;
  return `(${written(name)} == "" && ${written(alias)} != "" ? ${quote(keyOf(alias))} : ${key})`;
}

export const isSet = (attribute: AnyAttribute): string => `${textOf(attribute)} != ""`;
export const isTrue = (attribute: AnyAttribute): string => `${textOf(attribute)} == "true"`;

/** Whether the text `variable` breaks the rule. */
function breaks({ matches, matchesNot, maxLength, maxBytes, range }: TextRule, variable: string): string {
  const conditions = [
    ...(matches === undefined ? [] : [`!${variable}.matches(${pattern(matches)})`]),
    ...(matchesNot === undefined ? [] : [`${variable}.matches(${pattern(matchesNot)})`]),
    ...(maxLength === undefined ? [] : [`size(${variable}) > ${maxLength}`]),
    ...(maxBytes === undefined ? [] : [`size(bytes(${variable})) > ${maxBytes}`]),
    // An integer of more digits could exceed what int() can read.
    ...(range === undefined
      ? []
      : [`(size(${variable}) < 16 && (int(${variable}) < ${range[0]} || int(${variable}) > ${range[1]}))`]),
  ];
  return conditions.join(' || ');
}

/** The reason of the first broken rule; `otherwise` without one. */
export function firstBroken(rules: readonly TextRule[], variable: string, otherwise = '""'): string {
  return rules.reduceRight((rest, rule) => `${breaks(rule, variable)} ? ${quote(rule.why)} : ${rest}`, otherwise);
}

/** A text as errors show it. The control characters of usual mistakes are escaped as by the agent. */
export function shown(text: string): string {
  const escaped = `${text}.replace("\\\\", "\\\\\\\\").replace("\\"", "\\\\\\"")`;
  const cut = `[${escaped}].map(s, size(s) > 128 ? s.substring(0, 128) + "\\u2026" : s)[0]`;
  const lines = ['\n', '\r', '\t', '\0'].map((character) => {
    const codePoint = character.charCodeAt(0).toString(16).padStart(4, '0');
    return `.replace("\\u${codePoint}", "\\\\u${codePoint}")`;
  });
  const printable = `s.matches(r'[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]') ? "[not printable]" : s`;
  return `[${cut}${lines.join('')}].map(s, ${printable})[0]`;
}

/** The problem of an attribute's text `t`. */
export function problemOf(attribute: AnyAttribute, reason: string): Problem {
  const value = attribute.secret === true ? '"=[redacted]"' : '"=" + t';
  const tooLong = `size(t) > ${maxValue} ? ${quote(maxValueWords)} : `;
  // What a variable stands for is known only to the agent.
  const variables = attribute.expands === true ? 't.contains("$") ? "" : ' : '';
  return `[${textOf(attribute)}].map(t, [${writtenKey(attribute)}, ${value}, t == "" ? "" : ${variables}${tooLong}${reason}])[0]`;
}

/** The problem of an attribute beside others, if the condition is true. */
export function problemIf(attribute: AnyAttribute, condition: string, reason: string): Problem {
  const value = attribute.secret === true ? '"=[redacted]"' : `"=" + ${textOf(attribute)}`;
  return `[${writtenKey(attribute)}, ${value}, ${condition} ? (${reason}) : ""]`;
}

/** The problem of a missing attribute, if the condition is true. */
export function missingIf({ name }: AnyAttribute, condition: string, reason: string): Problem {
  return `[${quote(keyOf(name))}, "Required value", ${condition} ? ${quote(reason)} : ""]`;
}
