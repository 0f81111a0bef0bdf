// Parsers of flags that only the agent has.
import { isAbsolute, resolve } from 'node:path';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { parseGoDuration } from '@certfleet/shared/go-duration.ts';
import { annotationKeyProblem, isDnsSubdomain } from './spec/qualified-name.ts';

/**
 * The chart of cert-manager's csi-driver writes unix://plugin/csi.sock for /plugin/csi.sock, which is how Go parses it.
 */
export function socketPath(text: string): string {
  const path = text.replace(/^unix:(\/\/)?/, '');
  if (path === '' || path.includes('://')) {
    throw new CertfleetError('invalid-argument', `expected unix:///path, found ${JSON.stringify(text)}`);
  }
  return resolve('/', path);
}

/** The controller's address for gRPC: `unix:/path`, or `dns:host:port`, which tries every address of the name. */
export function optionalControllerAddress(text: string): string | undefined {
  if (text === '') return undefined;
  if (text.startsWith('unix:')) return `unix:${socketPath(text)}`;
  if (/^(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9][-a-zA-Z0-9.]*):\d{1,5}$/.test(text)) return `dns:${text}`;
  throw new CertfleetError('invalid-argument', `expected host:port or unix:///path, found ${JSON.stringify(text)}`);
}

/** CSI's rule for a plugin's name: at most 63 characters, alphanumeric at both ends, dots and dashes between. */
export function driverName(text: string): string {
  if (text.length > 63 || !/^[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?$/.test(text)) {
    throw new CertfleetError('invalid-argument', `expected a CSI driver name, found ${JSON.stringify(text)}`);
  }
  return text;
}

/** An interval of ten seconds or more; undefined for 0. */
export function optionalInterval(text: string): number | undefined {
  const intervalMs = parseGoDuration(text);
  if (intervalMs === 0) return undefined;
  if (intervalMs >= 10_000) return intervalMs;
  throw new CertfleetError(
    'invalid-argument',
    `expected 0s, or a duration of 10s or more, found ${JSON.stringify(text)}`,
  );
}

export function dnsDomain(text: string): string {
  if (isDnsSubdomain(text)) return text;
  throw new CertfleetError('invalid-argument', `expected a DNS domain, found ${JSON.stringify(text)}`);
}

/** The key of a label or taint. */
export function optionalQualifiedName(text: string): string | undefined {
  if (text === '') return undefined;
  if (text === text.toLowerCase() && annotationKeyProblem(text) === undefined) return text;
  throw new CertfleetError(
    'invalid-argument',
    `expected a key such as certfleet.io/agent-not-ready, found ${JSON.stringify(text)}`,
  );
}

/** A label as key=value. */
export function optionalLabel(text: string): { readonly key: string; readonly value: string } | undefined {
  if (text === '') return undefined;
  const [key = '', value, ...more] = text.split('=');
  const isValue = value !== undefined && /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/.test(value);
  if (isValue && more.length === 0 && annotationKeyProblem(key) === undefined) return { key, value };
  throw new CertfleetError(
    'invalid-argument',
    `expected a label such as certfleet.io/agent=ready, found ${JSON.stringify(text)}`,
  );
}

export function optionalAbsolutePath(text: string): string | undefined {
  return text === '' ? undefined : absolutePath(text);
}

export function absolutePath(text: string): string {
  if (!isAbsolute(text))
    throw new CertfleetError('invalid-argument', `expected an absolute path, found ${JSON.stringify(text)}`);
  return resolve(text);
}
