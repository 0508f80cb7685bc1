/** What a task may say besides its type and payload: options and retry policies. */

import { milliseconds, pointInTime, type Duration } from "./duration.js";
import { InvalidArgumentError } from "./errors.js";
import { encode, quote } from "./json/write.js";

/** A retry policy: whether and when a failed attempt is followed by another. What is absent is the default. */
export interface RetryOptions {
  preset?: "default" | "patient";
  backoff?: "exponential" | "linear" | "fixed" | "listed";
  jitter?: "none" | "full" | "equal";
  base?: Duration;
  cap?: Duration;
  /** The waits of `backoff: "listed"`. */
  delays?: readonly Duration[];
  maxAttempts?: number;
  /** No attempt begins later than this after the first failure. */
  total?: Duration;
  /** Error codes that end the task. */
  never?: readonly string[];
  /** Error codes that retry, whatever the handler said. */
  always?: readonly string[];
}

/** How a task is to be run. What is absent is left to the task's type and queue. */
export interface TaskOptions {
  /** Default: "default". */
  queue?: string | undefined;
  /** 0 to 9; 9 goes first. */
  priority?: number | undefined;
  /** Not before so long from now. Excludes `runAt`. */
  delay?: Duration | undefined;
  /** Not before this. */
  runAt?: Date | undefined;
  /** Not to begin after this; a duration counts from now. */
  expires?: Duration | Date | undefined;
  /** Not to end after this; a duration counts from now. */
  deadline?: Duration | Date | undefined;
  /** How long an attempt may take, by the server's clock. */
  attemptTimeout?: Duration | undefined;
  /** Attempts after the first. Excludes `maxAttempts`. */
  retries?: number | undefined;
  maxAttempts?: number | undefined;
  retry?: RetryOptions | undefined;
  /** Idempotency key: at most one task for a queue and key, for `keyWindow` or `uniqueWhile`. */
  key?: string | undefined;
  /** Default: that of the queue (24 h). */
  keyWindow?: Duration | undefined;
  /** The key holds as long as the task waits, runs, or is not done. Excludes `keyWindow`. */
  uniqueWhile?: "waiting" | "running" | "done" | undefined;
  /** When the key is taken. Default: "return". */
  onDuplicate?: "return" | "refuse" | "replace" | undefined;
  /** For people, to find it by. */
  tags?: readonly string[] | undefined;
  /** Keeps payload, result and messages out of lists and logs. */
  sensitive?: boolean | undefined;
  /** The version of the type's contract that the payload must fit. */
  contractVersion?: number | undefined;
  /** W3C Trace Context for the handler. Default: that of OpenTelemetry's current span, if the program uses it. */
  traceparent?: string | undefined;
}

// What is given for one task takes the place of what excludes it.
const EXCLUDES: Partial<Record<keyof TaskOptions, keyof TaskOptions>> = {
  delay: "runAt",
  runAt: "delay",
  retries: "maxAttempts",
  maxAttempts: "retries",
  keyWindow: "uniqueWhile",
  uniqueWhile: "keyWindow",
};

/** `own`, and what is absent there from `base`. */
export function withDefaults(own: TaskOptions | undefined, base: TaskOptions): TaskOptions {
  if (own === undefined) return base;
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(own)) {
    if (value === undefined) continue;
    const other = EXCLUDES[name as keyof TaskOptions];
    if (other !== undefined && own[other] === undefined) delete merged[other];
    merged[name] = value;
  }
  return merged as TaskOptions;
}

/** The fields of the API's `NewTask`, each with a comma before it. Throws InvalidArgumentError. */
export function encodeOptions(options: TaskOptions): string {
  let out = "";
  for (const name in options) {
    const write = WRITERS[name as keyof TaskOptions];
    const value = options[name as keyof TaskOptions];
    if (write === undefined) throw refusal(name, "is not an option of a task");
    if (value !== undefined) out += write(value as never, options);
  }
  return out;
}

type Writers = { [Name in keyof TaskOptions]-?: (value: NonNullable<TaskOptions[Name]>, all: TaskOptions) => string };

const WRITERS: Writers = {
  queue: (value) => `,"queue":${quote(value, "queue")}`,
  priority: (value) => `,"priority":${whole(value, "priority")}`,
  contractVersion: (value) => `,"contract_version":${whole(value, "contractVersion")}`,
  delay: (value) => `,"delay_ms":${milliseconds(value, "delay")}`,
  runAt: (value) => `,"run_at":"${pointInTime(value, "runAt")}"`,
  expires: (value) => limit("expires", value),
  deadline: (value) => limit("deadline", value),
  attemptTimeout: (value) => `,"attempt_timeout_ms":${milliseconds(value, "attemptTimeout")}`,
  retries: (value, all) => {
    if (all.maxAttempts !== undefined) throw refusal("retries", "excludes maxAttempts; give one of them");
    return `,"max_attempts":${whole(value, "retries") + 1}`;
  },
  maxAttempts: (value) => `,"max_attempts":${whole(value, "maxAttempts")}`,
  retry: (value) => `,"retry":${encodeRetry(value)}`,
  key: (value) => `,"idempotency_key":${quote(value, "key")}`,
  keyWindow: (value) => `,"idempotency_window_ms":${milliseconds(value, "keyWindow")}`,
  uniqueWhile: (value) => `,"unique_while":${quote(value, "uniqueWhile")}`,
  onDuplicate: (value) => `,"on_duplicate":${quote(value, "onDuplicate")}`,
  tags: (value) => {
    if (!Array.isArray(value)) throw refusal("tags", "must be an array of texts");
    return `,"tags":${encode(value, "tags")}`;
  },
  sensitive: (value) => (value ? ',"sensitive":true' : ""),
  traceparent: (value) => `,"traceparent":${quote(value, "traceparent")}`,
};

const PLAIN = new Set(["preset", "backoff", "jitter", "maxAttempts", "never", "always"]);
const POLICY: Record<string, string> = { base: "backoff_base_ms", cap: "backoff_cap_ms", total: "total_ms" };

function encodeRetry(retry: RetryOptions): string {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(retry) as [string, unknown][]) {
    if (value === undefined) continue;
    const wire = POLICY[name];
    if (wire !== undefined) fields[wire] = milliseconds(value as Duration, `retry.${name}`);
    else if (name === "delays")
      fields["delays_ms"] = (value as Duration[]).map((each, i) => milliseconds(each, `retry.delays[${i}]`));
    else if (PLAIN.has(name)) fields[name === "maxAttempts" ? "max_attempts" : name] = value;
    else throw refusal(`retry.${name}`, "is not a field of a retry policy");
  }
  return encode(fields, "retry");
}

function limit(name: string, value: Duration | Date): string {
  if (value instanceof Date) return `,"${name}_at":"${pointInTime(value, name)}"`;
  return `,"${name}_ms":${milliseconds(value, name)}`;
}

function whole(value: number, field: string): number {
  if (!Number.isSafeInteger(value)) throw refusal(field, "must be a whole number");
  return value;
}

function refusal(field: string, what: string): InvalidArgumentError {
  return new InvalidArgumentError(`${field} ${what}`, { field });
}
