import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ObjectMeta } from '@certfleet/shared/kube/api-resource.ts';
import { KindValidator } from '@certfleet/shared/kube/kind-validator.ts';
import { allKinds, intentApiVersion, intentKinds } from './intent-kinds.ts';
import type { IntentKind, ObjectOf } from './intent-kinds.ts';
import type { IntentMeta } from './intent-object.ts';

/** The length of a DNS-1123 subdomain. */
const maxNameLength = 253;

/**
 * Reads an object of the API server or of a file; undefined if it is none. The spec is not checked against the schema:
 * the API server may serve objects that an earlier schema allowed. Managed fields are left out to save memory.
 */
export function parseIntent<Kind extends IntentKind>(kind: Kind, raw: unknown): ObjectOf<Kind> | undefined {
  const { metadata, spec, status } = (raw ?? {}) as { metadata?: ObjectMeta; spec?: unknown; status?: unknown };
  if (typeof metadata !== 'object' || typeof spec !== 'object' || spec === null) return undefined;
  const meta = parseMeta(metadata);
  if (meta === undefined) return undefined;
  const object = { apiVersion: intentApiVersion, kind, metadata: meta, spec, ...(isObject(status) && { status }) };
  return object as unknown as ObjectOf<Kind>;
}

function parseMeta(metadata: ObjectMeta): IntentMeta | undefined {
  const { name, uid, resourceVersion, deletionTimestamp, finalizers, labels, annotations } = metadata;
  if (name === undefined || uid === undefined || resourceVersion === undefined) return undefined;
  return {
    name,
    uid,
    resourceVersion,
    generation: metadata.generation ?? 1,
    creationTimestamp: metadata.creationTimestamp ?? new Date(0).toISOString(),
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    ...(finalizers && { finalizers }),
    ...(labels && { labels }),
    ...(annotations && { annotations }),
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** @throws CertfleetError invalid-argument if the text is no name of a Kubernetes object */
export function checkName(name: string): void {
  if (name.length <= maxNameLength && /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name) && !name.includes('..')) return;
  throw new CertfleetError(
    'invalid-argument',
    `name of an object must be a DNS-1123 subdomain (lower-case letters, digits, dashes, dots), found ${JSON.stringify(name.slice(0, 300))}`,
  );
}

const validators = new Map<IntentKind, KindValidator>(
  allKinds.map((kind) => [kind, new KindValidator(intentKinds[kind])]),
);

/** The problems of a spec, as the API server would find them by schema and CEL rules; empty if it is valid. */
function specProblems(kind: IntentKind, spec: unknown, previous?: unknown): readonly string[] {
  return validators.get(kind)?.problems(spec, previous) ?? [];
}

/** @throws CertfleetError invalid-argument that lists the problems of a spec */
export function checkSpec(kind: IntentKind, name: string, specs: { spec: unknown; previous?: unknown }): void {
  const problems = specProblems(kind, specs.spec, specs.previous);
  if (problems.length === 0) return;
  throw new CertfleetError('invalid-argument', `${kind} ${name} is invalid: ${problems.join('; ')}`, {
    reason: 'Invalid',
  });
}
