/** Payload: bytes and what they are, for payloads, results, steps and checkpoints that are not JSON. */

import { InvalidArgumentError } from "./errors.js";
import { decode } from "./json/read.js";
import { encode, quote } from "./json/write.js";

export const JSON_TYPE = "application/json";
export const BYTES_TYPE = "application/octet-stream";
/** The server's limit of a payload and of a result. */
export const BYTES_MAX = 1 << 20;

/** Exact bytes with their content type: `new Payload(bytes, "image/png")`. */
export class Payload {
  readonly data: Uint8Array;
  readonly contentType: string;

  /** `data`: bytes, or text that is sent as UTF-8. */
  constructor(data: Uint8Array | string, contentType: string = BYTES_TYPE) {
    this.data = typeof data === "string" ? Buffer.from(data, "utf8") : data;
    this.contentType = contentType;
  }

  get isJson(): boolean {
    return this.contentType === JSON_TYPE;
  }

  /** The bytes as text. */
  text(): string {
    return asBuffer(this.data).toString("utf8");
  }

  /** The value of JSON; the bytes of anything else. Throws SyntaxError. */
  value(): unknown {
    return this.isJson ? decode(this.text()) : this.data;
  }
}

/** The same bytes, not a copy. */
export function asBuffer(data: Uint8Array): Buffer {
  return Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * The JSON fields that carry `value` under `name`, without braces; empty for null and undefined. Bytes and
 * Payloads go as they are, in base64 if they are not JSON; everything else is encoded as JSON. Throws
 * InvalidArgumentError, with `field` or a path below it.
 */
export function blobFields(value: unknown, name: string, field: string = name): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Uint8Array) value = new Payload(value);
  if (!(value instanceof Payload)) {
    const text = encode(value, field);
    if (text.length > BYTES_MAX / 3) checkSize(Buffer.byteLength(text), field);
    return `"${name}":${text}`;
  }
  if (!(value.data instanceof Uint8Array)) {
    const kind = value.data === null ? "null" : typeof value.data;
    throw new InvalidArgumentError(`${field} must hold bytes, not ${kind}`, { field });
  }
  checkSize(value.data.byteLength, field);
  if (value.isJson) return `"${name}":${checkedJson(value, field)}`;
  const type = quote(value.contentType, `${field}.contentType`);
  return `"${name}_base64":"${asBuffer(value.data).toString("base64")}","content_type":${type}`;
}

function checkedJson(payload: Payload, field: string): string {
  const text = payload.text();
  try {
    JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`${field} is not JSON: ${(error as Error).message}`, { field });
  }
  return text;
}

function checkSize(bytes: number, field: string): void {
  if (bytes > BYTES_MAX)
    throw new InvalidArgumentError(`${field} has ${bytes} bytes; at most ${BYTES_MAX} are taken`, { field });
}

/** The value that blobFields() wrote: of JSON the value, else a Payload. Null if there is none. */
export function readBlob(fields: Record<string, unknown>, name: string, contentType = "content_type"): unknown {
  const coded = fields[`${name}_base64`];
  if (typeof coded !== "string") return fields[name] ?? null;
  const type = fields[contentType];
  return new Payload(Buffer.from(coded, "base64"), typeof type === "string" ? type : BYTES_TYPE);
}
