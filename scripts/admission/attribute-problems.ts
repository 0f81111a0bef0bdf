// The problems of single attributes, from the rules of their parsers.
import { attributes } from '../../apps/node-agent/src/spec/attributes.ts';
import { keySizes, pkcs1Words } from '../../apps/node-agent/src/spec/key-spec.ts';
import { maxItems } from '../../apps/node-agent/src/spec/name-values.ts';
import type { TextRule } from '../../apps/node-agent/src/spec/text-rule.ts';
import { firstBroken, problemOf, quote, shown, textOf } from './cel.ts';
import type { AnyAttribute, Problem } from './cel.ts';

/** The reasons of all wrong items of a list. */
function itemReasons(rules: readonly TextRule[]): string {
  const items = 't.split(",").map(i, i.trim()).filter(i, i != "")';
  const wrong = `${items}.map(i, [i, ${firstBroken(rules, 'i')}]).filter(i, i[1] != "")`;
  const reasons = `${wrong}.map(i, "\\"" + ${shown('i[0]')} + "\\" " + i[1]).join("; ")`;
  // JavaScript trims a zero-width no-break space, CEL does not.
  return `t.contains("\\ufeff") || size(t.split(",")) > ${maxItems} ? "" : ${reasons}`;
}

/** The algorithm of the key in lower case; empty text means the default. */
const algorithm = `(${textOf(attributes.keyAlgorithm)} == "" ? "rsa" : ${textOf(attributes.keyAlgorithm)}.lowerAscii())`;

function sizeReasons(): string {
  return Object.entries(keySizes).reduceRight((rest, [name, { ranges, words }]) => {
    const isValid = ranges.map(([min, max]) => `(int(t) >= ${min} && int(t) <= ${max})`).join(' || ');
    const reason = isValid === '' ? quote(words) : `${isValid} ? "" : ${quote(words)}`;
    return `${algorithm} == ${quote(name.toLowerCase())} ? (${reason}) : ${rest}`;
  }, '""');
}

function encodingReasons(): string {
  const others = Object.keys(keySizes).filter((name) => name !== 'RSA');
  return others.reduceRight(
    (rest, name) => `${algorithm} == ${quote(name.toLowerCase())} ? ${quote(pkcs1Words(name))} : ${rest}`,
    '""',
  );
}

/** Conditions of an attribute that depend on another one, after its own rules. */
const dependent: ReadonlyMap<AnyAttribute, string> = new Map<AnyAttribute, string>([
  // A longer number cannot be read; it is too large in any case, but the agent judges it.
  [attributes.keySize, `size(t) > 15 ? "" : ${sizeReasons()}`],
  [attributes.keyEncoding, `t.lowerAscii() != "pkcs1" ? "" : ${encodingReasons()}`],
]);

/** The problem of an attribute by itself; undefined if its parser has no rules. */
export function attributeProblem(attribute: AnyAttribute): Problem | undefined {
  const { rules = [], itemRules = [] } = attribute.parse;
  const rest = dependent.get(attribute) ?? (itemRules.length > 0 ? itemReasons(itemRules) : undefined);
  if (rules.length === 0 && rest === undefined) return undefined;
  return problemOf(attribute, firstBroken(rules, 't', rest));
}
