/** FakeTask: a task in memory. Times are milliseconds of the driven clock. */

import type { CancelToken } from "../cancel.js";
import { decode, skipValue } from "../json/read.js";
import { BYTES_TYPE, JSON_TYPE, Payload } from "../payload.js";
import { hasEnded, type TaskInfo, type TaskState } from "../task_info.js";
import type { Blob, Lease } from "../worker/lease.js";
import { policyOf, type Policy } from "./policy.js";

type Fields = Record<string, unknown>;

/** A part of an attempt's log. `offset`: in bytes. */
export interface SentLog {
  readonly offset: number;
  readonly text: string;
}

export class FakeTask {
  readonly type: string;
  readonly queue: string;
  readonly priority: number;
  readonly maxAttempts: number;
  readonly policy: Policy;
  readonly raw: string | Buffer;
  state: TaskState = "ready";
  /** Spent so far. */
  attempt = 0;
  /** Attempts, the unspent ones included. */
  leases = 0;
  dueAt: number;
  expiresAt: number | undefined;
  deadlineAt: number | undefined;
  firstFailureAt: number | undefined;
  finishedAt: number | undefined;
  errorCode: string | undefined;
  errorMessage: string | undefined;
  result: unknown = null;
  progress: number | undefined;
  readonly steps = new Map<string, Blob>();
  checkpoint: Blob | undefined;
  /** By the number of the attempt. */
  readonly logs = new Map<number, string>();
  token: CancelToken | undefined;

  /** `json`: `NewTask` of the API; `fields`: the same, decoded. */
  constructor(
    readonly id: string,
    json: string,
    readonly fields: Fields,
    readonly enqueuedAt: number,
  ) {
    this.type = fields["type"] as string;
    this.queue = (fields["queue"] as string | undefined) ?? "default";
    this.priority = (fields["priority"] as number | undefined) ?? 5;
    this.policy = policyOf(fields["retry"] as Fields | undefined);
    this.maxAttempts = (fields["max_attempts"] as number | undefined) ?? this.policy.max_attempts;
    this.raw = rawPayload(json, fields);
    this.dueAt = this.time("run_at", "delay_ms") ?? enqueuedAt;
    this.expiresAt = this.time("expires_at", "expires_ms");
    this.deadlineAt = this.time("deadline_at", "deadline_ms");
    if (this.dueAt > enqueuedAt) this.state = "scheduled";
  }

  /** Of JSON the value, else a Payload. */
  get payload(): unknown {
    return typeof this.raw === "string" ? decode(this.raw) : new Payload(this.raw, this.contentType);
  }

  get contentType(): string {
    return (
      (this.fields["content_type"] as string | undefined) ?? (typeof this.raw === "string" ? JSON_TYPE : BYTES_TYPE)
    );
  }

  get isWaiting(): boolean {
    return this.state === "scheduled" || this.state === "ready" || this.state === "retrying";
  }

  get hasEnded(): boolean {
    return hasEnded(this.state);
  }

  wait(state: TaskState, dueAt: number): void {
    this.state = state;
    this.dueAt = dueAt;
  }

  end(state: TaskState, now: number, code?: string, message = ""): void {
    this.state = state;
    this.finishedAt = now;
    if (code === undefined) return;
    this.errorCode = code;
    this.errorMessage = message;
  }

  /** Its attempts start over. */
  redrive(now: number): void {
    this.attempt = 0;
    this.firstFailureAt = undefined;
    this.finishedAt = undefined;
    this.expiresAt = undefined;
    this.deadlineAt = undefined;
    this.wait("ready", now);
  }

  /** What is sent twice is kept once. How many bytes are kept. */
  keepLog(log: SentLog | undefined): number {
    const before = Buffer.from(this.logs.get(this.leases) ?? "");
    if (log === undefined) return before.length;
    const kept = before.toString("utf8", 0, log.offset) + log.text;
    this.logs.set(this.leases, kept);
    return Buffer.byteLength(kept);
  }

  lease(): Lease {
    return {
      token: `${this.id}.${this.leases}.1`,
      id: this.id,
      queue: this.queue,
      type: this.type,
      attempt: this.attempt,
      maxAttempts: this.maxAttempts,
      leaseMs: 0,
      timeoutMs: undefined,
      enqueuedAt: new Date(this.enqueuedAt).toISOString(),
      deadlineAt: this.deadlineAt === undefined ? undefined : new Date(this.deadlineAt).toISOString(),
      contentType: this.contentType,
      sensitive: this.fields["sensitive"] === true,
      contractVersion: this.fields["contract_version"] as number | undefined,
      traceparent: this.fields["traceparent"] as string | undefined,
      steps: [...this.steps.values()],
      checkpoint: this.checkpoint,
      raw: this.raw,
      isDamaged: false,
    };
  }

  info(): TaskInfo {
    const date = (at: number | undefined): Date | undefined => (at === undefined ? undefined : new Date(at));
    const isRunning = this.state === "running";
    return {
      id: this.id,
      type: this.type,
      queue: this.queue,
      state: this.state,
      priority: this.priority,
      attempt: this.attempt,
      maxAttempts: this.maxAttempts,
      enqueuedAt: date(this.enqueuedAt),
      runAt: this.state === "scheduled" ? date(this.dueAt) : undefined,
      nextAttemptAt: this.state === "retrying" ? date(this.dueAt) : undefined,
      startedAt: undefined,
      finishedAt: date(this.finishedAt),
      expiresAt: date(this.expiresAt),
      deadlineAt: date(this.deadlineAt),
      worker: isRunning ? "in-memory" : undefined,
      errorCode: this.errorCode,
      errorMessage: this.errorMessage,
      result: this.result,
      progress: isRunning ? this.progress : undefined,
      progressMessage: undefined,
      tags: [...new Set((this.fields["tags"] as string[] | undefined) ?? [])].sort(),
      key: this.fields["idempotency_key"] as string | undefined,
      traceparent: this.fields["traceparent"] as string | undefined,
      cancelRequested: isRunning && this.token?.cause === "requested",
      workerLosses: 0,
    };
  }

  private time(at: string, afterMs: string): number | undefined {
    const text = this.fields[at] as string | undefined;
    const ms = this.fields[afterMs] as number | undefined;
    if (text !== undefined) return Date.parse(text);
    return ms === undefined ? undefined : this.enqueuedAt + ms;
  }
}

/** The exact payload, which stands behind the type. */
function rawPayload(json: string, fields: Fields): string | Buffer {
  const coded = fields["payload_base64"];
  if (typeof coded === "string") return Buffer.from(coded, "base64");
  if (!("payload" in fields)) return "null";
  const name = ',"payload":';
  const begin = json.indexOf(name) + name.length;
  return json.slice(begin, skipValue(json, begin));
}
