/**
 * Leases and the server's answers to exchanges, read from their text.
 *
 * The exact text of a payload is needed for its SHA-256, so it is cut out of the answer. The quick way holds while
 * the payload is the last field of its lease, as Treadle writes it; any other lease is read field by field.
 */

import * as crypto from "node:crypto";
import { InternalError } from "../errors.js";
import { decode, skipSpace, skipValue } from "../json/read.js";
import { BYTES_TYPE, JSON_TYPE, Payload } from "../payload.js";

/** A saved step or checkpoint, as on the wire. */
export type Blob = Record<string, unknown>;

/** A task that this worker is to run, and the right to do so. Absent fields are undefined. */
export interface Lease {
  readonly token: string;
  readonly id: string;
  readonly queue: string;
  readonly type: string;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly leaseMs: number;
  readonly timeoutMs: number | undefined;
  readonly enqueuedAt: string;
  readonly deadlineAt: string | undefined;
  readonly contentType: string;
  readonly sensitive: boolean;
  readonly contractVersion: number | undefined;
  readonly traceparent: string | undefined;
  readonly steps: readonly Blob[] | undefined;
  readonly checkpoint: Blob | undefined;
  /** The exact text of a JSON payload, else the bytes. */
  readonly raw: string | Buffer;
  /** The payload that arrived does not have its SHA-256. */
  readonly isDamaged: boolean;
}

/** What the server says of a report. */
export interface ReportAnswer {
  token?: string;
  code?: string;
  detail?: string;
  state?: string;
  retry_in_ms?: number;
}

export interface ExchangeAnswer {
  leases: Lease[];
  reports: ReportAnswer[];
  lost: string[];
  cancelled: string[];
}

/** Throws InternalError if that is no answer to an exchange. */
export function readExchange(text: string): ExchangeAnswer {
  try {
    return readFields(text);
  } catch (error) {
    throw new InternalError(`cannot read the server's answer: ${(error as Error).message}`);
  }
}

/** The payload as bytes with their content type. */
export function payloadOf(lease: Lease): Payload {
  return new Payload(lease.raw, lease.contentType);
}

function readFields(text: string): ExchangeAnswer {
  const fields: Record<string, unknown> = {};
  eachField(text, skipSpace(text, 0), (name, at) => {
    if (name === "leases") {
      const leases: Lease[] = [];
      fields["leases"] = leases;
      return readLeases(text, at, leases);
    }
    const end = skipValue(text, at);
    fields[name] = JSON.parse(text.slice(at, end));
    return end;
  });
  const { leases, reports, lost, cancelled = [] } = fields;
  for (const each of [leases, reports, lost, cancelled])
    if (!Array.isArray(each)) throw new SyntaxError("leases, reports or lost are missing");
  return { leases, reports, lost, cancelled } as ExchangeAnswer;
}

/** Calls `read` with each name of the object at `at`, and where its value begins; it returns where that ends. */
function eachField(text: string, at: number, read: (name: string, at: number) => number): number {
  at = begin(text, at, "{");
  while (text[at] !== "}") {
    const end = skipValue(text, at);
    const name = JSON.parse(text.slice(at, end)) as string;
    at = begin(text, end, ":");
    at = next(text, read(name, at), "}");
  }
  return at + 1;
}

function readLeases(text: string, at: number, leases: Lease[]): number {
  at = begin(text, at, "[");
  while (text[at] !== "]") at = next(text, readLease(text, at, leases), "]");
  return at + 1;
}

function begin(text: string, at: number, sign: string): number {
  at = skipSpace(text, at);
  if (text[at] !== sign) throw new SyntaxError(`no ${sign} at ${at}`);
  return skipSpace(text, at + 1);
}

/** Behind a value: at the next one, or at `bracket`. */
function next(text: string, at: number, bracket: string): number {
  at = skipSpace(text, at);
  if (text[at] === bracket) return at;
  return begin(text, at, ",");
}

const PAYLOAD = ',"payload":';
const HEAD_MAX = 4_096; // characters of a lease before its payload, usually 350

function readLease(text: string, at: number, leases: Lease[]): number {
  const place = text.indexOf(PAYLOAD, at);
  if (place > 0 && place - at < HEAD_MAX) {
    const fields = tryHead(`${text.slice(at, place)}}`);
    if (fields !== undefined) {
      const payloadAt = place + PAYLOAD.length;
      const end = skipValue(text, payloadAt);
      if (text[end] === "}") {
        leases.push(leaseOf(fields, text.slice(payloadAt, end)));
        return end + 1;
      }
    }
  }
  return readLeaseByFields(text, at, leases);
}

/** Undefined if the payload that was found is not the lease's own, but one within another field. */
function tryHead(head: string): Record<string, unknown> | undefined {
  try {
    return decode(head) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function readLeaseByFields(text: string, at: number, leases: Lease[]): number {
  const fields: Record<string, unknown> = {};
  let raw: string | undefined;
  const end = eachField(text, at, (name, valueAt) => {
    const valueEnd = skipValue(text, valueAt);
    const value = text.slice(valueAt, valueEnd);
    if (name === "payload") raw = value;
    else fields[name] = decode(value);
    return valueEnd;
  });
  leases.push(leaseOf(fields, raw));
  return end;
}

function leaseOf(fields: Record<string, unknown>, json: string | undefined): Lease {
  const coded = fields["payload_base64"];
  const raw = json ?? (typeof coded === "string" ? Buffer.from(coded, "base64") : "null");
  return {
    token: text(fields, "token"),
    id: text(fields, "id"),
    queue: text(fields, "queue"),
    type: text(fields, "type"),
    attempt: Number(fields["attempt"]),
    maxAttempts: Number(fields["max_attempts"]),
    leaseMs: Number(fields["lease_ms"]),
    timeoutMs: fields["timeout_ms"] as number | undefined,
    enqueuedAt: text(fields, "enqueued_at"),
    deadlineAt: fields["deadline_at"] as string | undefined,
    contentType: (fields["content_type"] as string | undefined) ?? (json === undefined ? BYTES_TYPE : JSON_TYPE),
    sensitive: fields["sensitive"] === true,
    contractVersion: fields["contract_version"] as number | undefined,
    traceparent: fields["traceparent"] as string | undefined,
    steps: fields["steps"] as Blob[] | undefined,
    checkpoint: fields["checkpoint"] as Blob | undefined,
    raw,
    isDamaged: sha256(raw) !== String(fields["payload_sha256"]).toLowerCase(),
  };
}

function text(fields: Record<string, unknown>, name: string): string {
  const value = fields[name];
  if (typeof value !== "string") throw new SyntaxError(`${name} of a lease is missing`);
  return value;
}

type HashAtOnce = (algorithm: string, data: string | Buffer, encoding: "hex") => string;
const hashAtOnce = (crypto as unknown as { hash?: HashAtOnce }).hash; // of Node 20.12 and newer

function sha256(data: string | Buffer): string {
  return hashAtOnce?.("sha256", data, "hex") ?? crypto.createHash("sha256").update(data).digest("hex");
}
