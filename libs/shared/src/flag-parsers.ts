import { CertfleetError } from './errors.ts';
import { parseGoDuration } from './go-duration.ts';

function mismatch(expected: string, found: string): CertfleetError {
  return new CertfleetError('invalid-argument', `expected ${expected}, found ${JSON.stringify(found)}`);
}

/** Any text except the empty one. */
export function nonEmpty(text: string): string {
  if (text === '') throw mismatch('a value', text);
  return text;
}

/** Any text; the empty one means "not given". */
export function optional(text: string): string | undefined {
  return text === '' ? undefined : text;
}

/** A name of a cluster, as a label of metrics, in file names and in titles; undefined if empty. */
export function optionalClusterName(text: string): string | undefined {
  if (text === '' || /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(text)) return optional(text);
  throw mismatch('up to 63 letters, digits, dots, dashes and underscores', text);
}

/** Most labels of pods that are reported: each is part of every record of the index. */
export const maxLabelKeys = 8;

/** The key of a label of pods. */
export function labelKey(text: string): string {
  if (/^([a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(text)) return text;
  throw mismatch('the key of a label, such as team or example.com/owner', text);
}

/** A number within bounds, both inclusive. */
export function numberBetween(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= low && value <= high)) throw mismatch(`a number from ${low} to ${high}`, text);
    return value;
  };
}

/** A whole number within bounds, both inclusive. */
export function integerBetween(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < low || value > high)
      throw mismatch(`a whole number from ${low} to ${high}`, text);
    return value;
  };
}

/** The URL of a server with TLS, without a path; undefined if empty. */
export function optionalHttpsUrl(text: string): string | undefined {
  if (text === '') return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url?.protocol === 'https:' && url.pathname === '/' && url.search === '' && url.username === '';
  if (!isPlain) throw mismatch('a URL such as https://host:8080, without a path', text);
  return url.origin;
}

/** `true` or `false`, in the spellings of Go's strconv.ParseBool. */
export function boolean(text: string): boolean {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false;
  throw mismatch('true or false', text);
}

/** A Go duration above zero, in milliseconds. */
export function positiveDuration(text: string): number {
  const durationMs = parseGoDuration(text);
  if (durationMs <= 0) throw mismatch('a duration above zero', text);
  return durationMs;
}

const byteUnits: Readonly<Record<string, number>> = {
  ...{ '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 },
};

/** Up to about a petabyte in any unit: a larger count would lose digits. */
const byteSizeForm = /^[1-9](\d{0,14}|\d{0,11}(k|Ki)|\d{0,8}(M|Mi)|\d{0,5}(G|Gi)|\d{0,2}(T|Ti))$/;

/**
 * A positive count of bytes with a suffix of Kubernetes quantities, decimal (k, M, G, T) or binary (Ki, Mi, Gi, Ti), as
 * in the chart's schema.
 */
export function byteSize(text: string): number {
  const unit = /\D*$/.exec(text)?.[0] ?? '';
  const bytes = Number(text.slice(0, text.length - unit.length)) * (byteUnits[unit] ?? Number.NaN);
  if (!byteSizeForm.test(text) || !Number.isSafeInteger(bytes)) throw mismatch('a size in bytes such as 64Mi', text);
  return bytes;
}

/** The address of a server: a host (empty for every interface) and a port. */
export interface ListenAddress {
  readonly host: string | undefined;
  readonly port: number;
}

/** `host:port`, `[v6]:port` or `:port`; `0` disables the server. */
export function listenAddress(text: string): ListenAddress | undefined {
  if (text === '0' || text === '') return undefined;
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535)
    throw mismatch('an address such as ":9402" or "127.0.0.1:9402", or "0" for off', text);
  const host = match[1] ?? match[2];
  return { host: host === '' ? undefined : host, port };
}
