import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { AskApi } from './api-client.ts';
import type { CliOptions } from './cli-options.ts';

export interface CommandContext {
  readonly ask: AskApi;
  readonly options: CliOptions;
  readonly clock: Clock;
  readonly print: (text: string) => void;
}

export type Command = (context: CommandContext) => Promise<void>;

/** Prints the API's response as JSON or as a table. */
export function show({ options, print }: CommandContext, answer: unknown, asTable: () => string): void {
  print(options.output === 'json' ? `${JSON.stringify(answer, undefined, 2)}\n` : asTable());
}

/**
 * The first argument after the command.
 * @throws CertfleetError invalid-argument if it is missing
 */
export function operand({ options }: CommandContext, what: string): string {
  const [first] = options.operands;
  if (first === undefined)
    throw new CertfleetError('invalid-argument', `${options.command}: expected ${what}, found none`);
  return first;
}

/**
 * The value of --reason.
 * @throws CertfleetError invalid-argument if it is missing and there is no fallback
 */
export function reasonOf({ options }: CommandContext, fallback?: string): string {
  const { reason = fallback } = options.flags;
  if (typeof reason === 'string' && reason !== '') return reason;
  throw new CertfleetError('invalid-argument', `${options.command}: --reason is required`);
}

/** Appends the defined values as a query. */
export function withQuery(path: string, query: Readonly<Record<string, string | boolean | undefined>>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (typeof value === 'string') given.set(name, value);
  return given.size === 0 ? path : `${path}?${given.toString()}`;
}

/** Requests all pages of a list, in order. */
export async function allPages<Page extends { readonly next?: string }>(
  ask: AskApi,
  path: string,
  query: Readonly<Record<string, string | boolean | undefined>>,
): Promise<readonly Page[]> {
  const pages: Page[] = [];
  for (let after: string | undefined = ''; after !== undefined;) {
    const cursor = after === '' ? {} : { after };
    const page = (await ask('GET', withQuery(path, { limit: '1000', ...query, ...cursor }))) as Page;
    pages.push(page);
    after = page.next;
  }
  return pages;
}
