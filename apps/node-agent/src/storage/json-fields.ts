import { damaged } from './storage-error.ts';

/** A parsed JSON object, not validated yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Parses an object. Errors never repeat the text, which may contain secrets. */
export function parseJsonObject(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw damaged(`expected a JSON object, found ${text.length} characters that are not JSON`);
  }
  return asObject(value, 'the file');
}

/** A required string. */
export function stringField(object: JsonObject, name: string): string {
  const value = object[name];
  return typeof value === 'string' ? value : unexpected(name, 'a string', value);
}

/** A required integer of at least 0. */
export function countField(object: JsonObject, name: string): number {
  const value = object[name];
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    ? value
    : unexpected(name, 'a whole number of 0 or more', value);
}

/** A required time in the format of Date.toISOString or RFC 3339. */
export function dateField(object: JsonObject, name: string): Date {
  const text = stringField(object, name);
  const date = new Date(text);
  if (/^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(date.getTime())) return date;
  throw damaged(`${name}: expected an RFC 3339 time, found other text`);
}

/** A required list of strings. */
export function stringsField(object: JsonObject, name: string): readonly string[] {
  const value = object[name];
  if (!Array.isArray(value)) return unexpected(name, 'a list', value);
  return Object.freeze(value.map((_, index) => stringField(value as unknown as JsonObject, String(index))));
}

/** A required list of objects. */
export function objectsField(object: JsonObject, name: string): readonly JsonObject[] {
  const value = object[name];
  if (!Array.isArray(value)) return unexpected(name, 'a list', value);
  return value.map((each, index) => asObject(each, `${name}[${index}]`));
}

/** A required object whose values are all strings. */
export function stringMapField(object: JsonObject, name: string): Readonly<Record<string, string>> {
  const map = objectField(object, name);
  return Object.freeze(Object.fromEntries(Object.keys(map).map((key) => [key, stringField(map, key)])));
}

/** A required object. */
export function objectField(object: JsonObject, name: string): JsonObject {
  return asObject(object[name], name);
}

/** The result of `read`, or undefined if the object does not have the field. */
export function optionalField<T>(
  object: JsonObject,
  name: string,
  read: (object: JsonObject, name: string) => T,
): T | undefined {
  return object[name] === undefined ? undefined : read(object, name);
}

function asObject(value: unknown, name: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  return unexpected(name, 'an object', value);
}

function unexpected(name: string, expected: string, found: unknown): never {
  throw damaged(`${name}: expected ${expected}, found ${kindOf(found)}`);
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `some ${typeof value}`;
}
