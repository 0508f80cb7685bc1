/**
 * Values as JSON, exactly: what JSON cannot hold is refused with its path instead of being changed.
 *
 * Like `JSON.stringify`, with these differences: a `bigint` is written with all its digits; `NaN`, infinite
 * numbers, invalid dates, halves of surrogate pairs, functions, symbols, maps, sets, bytes, and `undefined` in an
 * array are refused. Properties that are `undefined` are left out. A `Date` is written as ISO 8601 in UTC, and
 * `toJSON()` is used.
 */

import { InvalidArgumentError } from "../errors.js";

const DEPTH_MAX = 64; // the server's limit, and the end of a cycle

// Strings of Node 20 and newer know whether they are well formed; Node 18 asks an expression.
const SURROGATE = /\p{Surrogate}/u;
const isWellFormed: (text: string) => boolean =
  "isWellFormed" in String.prototype
    ? (text) => (text as string & { isWellFormed(): boolean }).isWellFormed()
    : (text) => !SURROGATE.test(text);

/** Throws InvalidArgumentError with the path of what cannot be written, for example `payload.sizes[2]`. */
export function encode(value: unknown, field: string): string {
  const path: Path = [];
  const needs = check(value, path, field);
  if (needs !== NATIVE) return write(value);
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw refusal(field, "is a value that changes while it is read");
  return text;
}

/** Text as JSON. Throws InvalidArgumentError. */
export function quote(text: unknown, field: string): string {
  if (typeof text !== "string") throw refusal(field, "must be text");
  if (!isWellFormed(text)) throw refusal(field, "holds half of a surrogate pair");
  return JSON.stringify(text);
}

/** Text that can be sent: halves of surrogate pairs become U+FFFD. */
export function cleaned(text: string): string {
  return isWellFormed(text) ? text : Buffer.from(text, "utf8").toString("utf8");
}

type Path = (string | number)[];
const NATIVE = 0; // JSON.stringify does it right
const OWN = 1; // there are bigints

function check(value: unknown, path: Path, field: string): number {
  switch (typeof value) {
    case "string":
      if (!isWellFormed(value)) throw refused(path, field, "holds half of a surrogate pair");
      return NATIVE;
    case "number":
      if (!Number.isFinite(value)) throw refused(path, field, `is ${value}, which JSON cannot hold`);
      return NATIVE;
    case "boolean":
      return NATIVE;
    case "bigint":
      return OWN;
    case "object":
      return value === null ? NATIVE : checkObject(value, path, field);
    default:
      throw refused(
        path,
        field,
        `is ${typeof value === "undefined" ? "undefined" : `a ${typeof value}`}, which JSON cannot hold`,
      );
  }
}

function checkObject(value: object, path: Path, field: string): number {
  if (path.length >= DEPTH_MAX) throw refused([], field, `is nested more than ${DEPTH_MAX} levels deep`);
  if (Array.isArray(value)) {
    let needs = NATIVE;
    for (let i = 0; i < value.length; ++i) {
      path.push(i);
      needs |= check(value[i], path, field);
      path.pop();
    }
    return needs;
  }
  const json = (value as { toJSON?: unknown }).toJSON;
  if (typeof json === "function") return checkJson(value, path, field);
  const unfit = unfitKind(value);
  if (unfit !== undefined) throw refused(path, field, unfit);
  let needs = NATIVE;
  for (const name of Object.keys(value)) {
    const each = (value as Record<string, unknown>)[name];
    if (each === undefined) continue;
    path.push(name);
    if (!isWellFormed(name)) throw refused(path, field, "is a name that holds half of a surrogate pair");
    needs |= check(each, path, field);
    path.pop();
  }
  return needs;
}

function checkJson(value: object, path: Path, field: string): number {
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw refused(path, field, "is an invalid Date");
    return NATIVE;
  }
  if (ArrayBuffer.isView(value)) throw refused(path, field, BYTES_INSIDE);
  path.push("toJSON()");
  const needs = check((value as { toJSON(): unknown }).toJSON(), path, field);
  path.pop();
  return needs;
}

const BYTES_INSIDE = "holds bytes; bytes can only be a whole payload, so encode them as text";

function unfitKind(value: object): string | undefined {
  if (value instanceof Map || value instanceof Set || value instanceof Promise || value instanceof WeakMap)
    return `is a ${value.constructor.name}, which JSON cannot hold`;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return BYTES_INSIDE;
  if (value instanceof Number || value instanceof String || value instanceof Boolean || value instanceof BigInt)
    return "is a wrapper object; write the plain value";
  return undefined;
}

/** Of a value that check() has passed. */
function write(value: unknown): string {
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
  const json = (value as { toJSON?: unknown }).toJSON;
  if (typeof json === "function") return write((value as { toJSON(): unknown }).toJSON());
  const parts: string[] = [];
  for (const name of Object.keys(value)) {
    const each = (value as Record<string, unknown>)[name];
    if (each !== undefined) parts.push(`${JSON.stringify(name)}:${write(each)}`);
  }
  return `{${parts.join(",")}}`;
}

function refused(path: Path, field: string, what: string): InvalidArgumentError {
  let at = field;
  for (const each of path) at += typeof each === "number" ? `[${each}]` : `.${each}`;
  return refusal(cleaned(at), what);
}

function refusal(field: string, what: string): InvalidArgumentError {
  return new InvalidArgumentError(`${field} ${what}`, { field });
}
