import { parseArgs } from 'node:util';
import { asCertfleetError, CertfleetError } from './errors.ts';

/** One command-line flag: its spelling, help text and parser. */
interface Flag<Value> {
  /** The text used when the flag is not given; undefined makes the flag required. */
  readonly fallback: string | undefined;
  readonly help: string;
  /** @throws CertfleetError when the text is invalid */
  readonly parse: (text: string) => Value;
  /** The flag may be given without a value, which means `true`. */
  readonly isSwitch?: boolean;
  /** A one-letter alias. */
  readonly short?: string;
}

/** A flag that may be given any number of times. */
interface RepeatableFlag<Value> extends Omit<Flag<Value>, 'fallback'> {
  readonly repeatable: true;
}

export type FlagTable = Readonly<Record<string, Flag<unknown> | RepeatableFlag<unknown>>>;

/** The parsed values of a table, by flag name. */
export type FlagValues<Table extends FlagTable> = {
  readonly [Name in keyof Table]: Table[Name] extends RepeatableFlag<infer Value>
    ? readonly Value[]
    : Table[Name] extends Flag<infer Value>
      ? Value
      : never;
};

/**
 * Parses a command line like Go's pflag (`--name=value`, `--name value`, `--switch`, `-v 2`, `-v=2`). A flag that is
 * not given is read from the environment as CERTFLEET_NAME, with underscores, before its fallback applies.
 * @throws CertfleetError invalid-argument that lists all problems
 */
export function parseFlags<Table extends FlagTable>(
  table: Table,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): FlagValues<Table> {
  const problems: string[] = [];
  const given = readArgv(table, argv, problems);
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(table)) {
    const fromEnv = env[`CERTFLEET_${name.replaceAll('-', '_').toUpperCase()}`];
    const texts = given[name] ?? (fromEnv === undefined ? [] : [fromEnv]);
    const attempt = (text: string): unknown => {
      try {
        return flag.parse(text);
      } catch (thrown) {
        problems.push(`--${name}: ${asCertfleetError(thrown).message}`);
        return undefined;
      }
    };
    if ('repeatable' in flag) {
      values[name] = texts.map(attempt);
    } else {
      const text = texts.at(-1) ?? flag.fallback;
      if (text === undefined) problems.push(`--${name}: required, found nothing`);
      else values[name] = attempt(text);
    }
  }
  if (problems.length > 0) throw new CertfleetError('invalid-argument', problems.join('; '));
  return values as FlagValues<Table>;
}

/** Not strict: strict parsing would stop at the first problem and hide the others. */
function readArgv(table: FlagTable, argv: readonly string[], problems: string[]): Record<string, string[] | undefined> {
  const options = Object.fromEntries(
    Object.entries(table).map(([name, { short }]) => [
      name,
      { type: 'string' as const, multiple: true, ...(short === undefined ? {} : { short }) },
    ]),
  );
  const spelledOut = argv.map((argument) => {
    const name = argument.startsWith('--') ? argument.slice(2) : '';
    return table[name]?.isSwitch === true ? `${argument}=true` : argument.replace(/^(-[a-z])=/, '$1');
  });
  const { tokens } = parseArgs({ args: spelledOut, options, strict: false, allowPositionals: true, tokens: true });
  const given: Record<string, string[]> = {};
  for (const token of tokens) {
    if (token.kind === 'positional') problems.push(`expected only flags, found ${JSON.stringify(token.value)}`);
    if (token.kind !== 'option') continue;
    if (!Object.hasOwn(table, token.name)) problems.push(`${token.rawName}: no such flag`);
    else if (token.value === undefined) problems.push(`${token.rawName}: expected a value, found nothing`);
    else (given[token.name] ??= []).push(token.value);
  }
  return given;
}

/** The text for `--help`. */
export function describeFlags(table: FlagTable): string {
  return Object.entries(table)
    .map(([name, flag]) => {
      const kind =
        'repeatable' in flag
          ? 'repeatable'
          : flag.fallback === undefined
            ? 'required'
            : `default ${flag.fallback === '' ? 'none' : flag.fallback}`;
      return `  --${name}${flag.short === undefined ? '' : `, -${flag.short}`} (${kind})\n      ${flag.help}\n`;
    })
    .join('');
}
