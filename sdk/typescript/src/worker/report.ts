/** Reports: how attempts ended, as JSON from the moment at which it is known, so that a repeat says the same. */

import { cleaned } from "../json/write.js";
import { blobFields } from "../payload.js";
import type { Lease } from "./lease.js";

export type OutcomeName = "completed" | "failed" | "released" | "snoozed" | "discarded";

/** How an attempt ended, for its line in the log. Nothing of what a sensitive task says is in it. */
export interface Ending {
  readonly id: string;
  readonly type: string;
  readonly outcome: OutcomeName;
  readonly ms: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly code: string;
  readonly message: string;
  readonly delayMs: number;
}

export class Report {
  /** It goes in an exchange without others, which it may have spoiled before. */
  goesAlone = false;

  constructor(
    readonly token: string,
    readonly json: string,
    readonly ending?: Ending | undefined,
    /** It stands for one that the server could not take. */
    readonly isFallback = false,
  ) {}
}

const CODE_BYTES_MAX = 64;
const MESSAGE_CHARS_MAX = 8 << 10;

/** Throws InvalidArgumentError if the result is not JSON, or too large. */
export function completed(token: string, result: unknown): string {
  const blob = blobFields(result, "result");
  return blob === ""
    ? `{"token":"${token}","outcome":"completed"}`
    : `{"token":"${token}","outcome":"completed",${blob}}`;
}

export function failed(token: string, code: string, message: string, retry: boolean, delayMs?: number): string {
  const wish = retry ? "" : ',"retry":false';
  const delay = delayMs === undefined || !retry ? "" : `,"delay_ms":${delayMs}`;
  return `{"token":"${token}","outcome":"failed",${errorField(code, message)}${wish}${delay}}`;
}

export function released(token: string): string {
  return `{"token":"${token}","outcome":"released"}`;
}

export function snoozed(token: string, delayMs: number): string {
  return `{"token":"${token}","outcome":"snoozed","delay_ms":${delayMs}}`;
}

export function discarded(token: string, code: string, message: string): string {
  return `{"token":"${token}","outcome":"discarded",${errorField(code, message)}}`;
}

/** A report, and the last of its attempt's log. */
export function withLog(report: string, offset: number, text: string): string {
  return `${report.slice(0, -1)},"log":{"offset":${offset},"text":${JSON.stringify(text)}}}`;
}

/** A lease that is given back unspent. */
export function releaseOf(lease: Lease): Report {
  return new Report(lease.token, released(lease.token));
}

/** Printable, of 1 to 64 bytes, as the server takes it. */
export function errorCode(text: string): string {
  let code = cleaned(text.slice(0, CODE_BYTES_MAX)).replace(/[\0-\x1f\x7f]/g, "?");
  while (Buffer.byteLength(code) > CODE_BYTES_MAX) code = code.slice(0, -1);
  return cleaned(code) || "failed";
}

function errorField(code: string, message: string): string {
  const text = JSON.stringify(cleaned(message.slice(-MESSAGE_CHARS_MAX)));
  return `"error":{"code":${JSON.stringify(errorCode(code))},"message":${text}}`;
}
