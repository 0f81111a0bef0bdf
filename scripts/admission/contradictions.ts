// The problems of attributes that exclude or need each other.
import { attributes } from '../../apps/node-agent/src/spec/attributes.ts';
import { storeFormats } from '../../apps/node-agent/src/spec/keystore-attributes.ts';
import { storeProblems } from '../../apps/node-agent/src/spec/keystore-spec.ts';
import type { StoreAttributes } from '../../apps/node-agent/src/spec/keystore-spec.ts';
import { caAliases } from '../../apps/node-agent/src/spec/keystore-values.ts';
import { rolloutWords } from '../../apps/node-agent/src/spec/reload-spec.ts';
import { subjectAttributes } from '../../apps/node-agent/src/spec/subject.ts';
import { fileAttributes } from '../../apps/node-agent/src/spec/volume-files.ts';
import { isSet, isTrue, keyOf, missingIf, pattern, problemIf, quote, textOf, written, writtenKey } from './cel.ts';
import type { AnyAttribute, Problem } from './cel.ts';

/** Different texts under the two names of an attribute. */
function differentAlias(attribute: AnyAttribute): readonly Problem[] {
  if (attribute.alias === undefined) return [];
  const [text, other] = [written(attribute.name), written(attribute.alias)];
  const reason = quote(`${keyOf(attribute.alias)} has a different value; set one of the two`);
  return [problemIf(attribute, `${text} != "" && ${other} != "" && ${text} != ${other}`, reason)];
}

function literalSubject(): Problem {
  const others = subjectAttributes.map(({ attribute }) => `(${isSet(attribute)} ? [${quote(attribute.name)}] : [])`);
  const excluded = `(${others.join(' + ')})`;
  const literal = attributes.literalSubject;
  return problemIf(literal, `${isSet(literal)} && size(${excluded}) > 0`, `"excludes " + ${excluded}.join(", ")`);
}

/** The password of a format has exactly one source, and a Secret must be there. */
function passwordProblems(format: StoreAttributes): readonly Problem[] {
  const { enable, truststoreEnable, password, passwordFile, passwordSecretKey } = format;
  const [hasPassword, hasFile, hasSecret] = [isSet(password), isSet(passwordFile), isSet(passwordSecretKey)];
  const hasNone = `!(${hasPassword} || ${hasFile} || ${hasSecret})`;
  const needed = (by: AnyAttribute): string => storeProblems.needsPassword(by.name, passwordFile.name);
  return [
    problemIf(passwordSecretKey, `${hasSecret} && !has(v.csi.nodePublishSecretRef)`, quote(storeProblems.noSecret)),
    problemIf(passwordFile, `${hasFile} && ${hasPassword}`, quote(storeProblems.generated(password.name))),
    problemIf(
      passwordSecretKey,
      `${hasSecret} && (${hasPassword} || ${hasFile})`,
      `${hasPassword} ? ${quote(storeProblems.fromSecret(password.name))} : ${quote(storeProblems.fromSecret(passwordFile.name))}`,
    ),
    missingIf(password, `${isTrue(enable)} && ${hasNone}`, needed(enable)),
    missingIf(password, `!(${isTrue(enable)}) && ${isTrue(truststoreEnable)} && ${hasNone}`, needed(truststoreEnable)),
  ];
}

function jksAlias(): Problem {
  const { entryAlias, enable } = storeFormats.jks;
  const condition = `${isTrue(enable)} && ${textOf(entryAlias)}.matches(${pattern(caAliases)})`;
  return problemIf(entryAlias, condition, quote(storeProblems.caAlias));
}

/** A workload is rolled, or its containers are signalled. */
function rolloutAndSignal(): readonly Problem[] {
  const { reloadRollout, reloadSignal, reloadContainers } = attributes;
  const [hasSignal, hasContainers] = [isSet(reloadSignal), isSet(reloadContainers)];
  const words = (...others: AnyAttribute[]): string => quote(rolloutWords.excludes(others));
  const both = `${hasSignal} && ${hasContainers} ? ${words(reloadSignal, reloadContainers)}`;
  const reason = `${both} : ${hasSignal} ? ${words(reloadSignal)} : ${words(reloadContainers)}`;
  return [problemIf(reloadRollout, `${isTrue(reloadRollout)} && (${hasSignal} || ${hasContainers})`, reason)];
}

/** A file of the volume: the attribute, the expression of its name, and the condition under which the volume has it. */
interface File {
  readonly attribute: AnyAttribute;
  readonly condition?: string;
}

function storeFiles({ enable, truststoreEnable, ...format }: StoreAttributes): readonly File[] {
  return [
    { attribute: format.fileName, condition: isTrue(enable) },
    { attribute: format.truststoreFileName, condition: isTrue(truststoreEnable) },
    { attribute: format.passwordFile, condition: `(${isTrue(enable)} || ${isTrue(truststoreEnable)})` },
  ];
}

/** A file as a list: name of the attribute, name of the file or nothing, position, key, and `set` if it is no default. */
function fileEntry({ attribute, condition }: File, position: number): string {
  const text = textOf(attribute);
  const name = attribute.unset === undefined ? text : `(${text} == "" ? ${quote(attribute.defaultText)} : ${text})`;
  const present = condition === undefined ? name : `(${condition} ? ${name} : "")`;
  const order = quote(String(position).padStart(2, '0'));
  return `[${quote(attribute.name)}, ${present}, ${order}, ${writtenKey(attribute)}, ${isSet(attribute)} ? "set" : ""]`;
}

/**
 * Files with the name of an earlier one: a problem of the file itself, or of the earlier one if the name of this one is a
 * default. An expression of a list of problems.
 */
export function equalFiles(): string {
  const files = [
    ...fileAttributes.map((attribute): File => ({ attribute })),
    ...Object.values<StoreAttributes>(storeFormats).flatMap(storeFiles),
  ];
  const list = `[${files.map(fileEntry).join(', ')}].filter(f, f[1] != "" && !f[1].contains("/"))`;
  const pair = `f[4] == "set" ? [f, e[0]] : [e[0], f]`;
  const reason = `"file names must differ, " + r[1][0] + " is \\"" + f[1] + "\\" too"`;
  const problem = `[${pair}].map(r, [r[0][3], "=" + f[1], ${reason}])[0]`;
  const earlier = 'fs.filter(g, g[1] == f[1] && g[2] < f[2])';
  return `[${list}].map(fs, fs.map(f, [${earlier}].map(e, size(e) == 0 ? ["", "", ""] : ${problem})[0]))[0]`;
}

/** All of them. */
export function contradictions(): readonly Problem[] {
  return [
    ...Object.values<AnyAttribute>(attributes).flatMap(differentAlias),
    literalSubject(),
    ...Object.values<StoreAttributes>(storeFormats).flatMap(passwordProblems),
    jksAlias(),
    ...rolloutAndSignal(),
  ];
}
