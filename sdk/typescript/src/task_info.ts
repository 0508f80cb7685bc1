/** Tasks as the server shows them. */

import { InternalError } from "./errors.js";
import { readBlob } from "./payload.js";

export type TaskState = "scheduled" | "ready" | "running" | "retrying" | "completed" | "dead" | "cancelled" | "expired";

const ENDED = new Set<string>(["completed", "dead", "cancelled", "expired"]);

/** Whether nothing more happens to a task in this state by itself. */
export const hasEnded = (state: TaskState): boolean => ENDED.has(state);

/** What became of an enqueue. The task is on the server's disk. */
export interface Enqueued {
  readonly id: string;
  /** The key was taken by the same request: nothing was added. */
  readonly duplicate: boolean;
  /** Of a duplicate that is still kept. */
  readonly state?: TaskState | undefined;
  /** The task that gave way to this one. */
  readonly replaced?: string | undefined;
}

/** A task as it was when the server was asked. What does not apply is undefined. */
export interface TaskInfo {
  readonly id: string;
  readonly type: string;
  readonly queue: string;
  readonly state: TaskState;
  readonly priority: number;
  /** Spent so far, a running one included. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly enqueuedAt: Date | undefined;
  readonly runAt: Date | undefined;
  readonly nextAttemptAt: Date | undefined;
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
  readonly expiresAt: Date | undefined;
  readonly deadlineAt: Date | undefined;
  /** Who runs it. */
  readonly worker: string | undefined;
  /** Of the last failure, or why it was cancelled. */
  readonly errorCode: string | undefined;
  readonly errorMessage: string | undefined;
  /** Of JSON the value, else a Payload. */
  readonly result: unknown;
  /** 0 to 1, as its handler says while it runs. */
  readonly progress: number | undefined;
  readonly progressMessage: string | undefined;
  readonly tags: readonly string[];
  readonly key: string | undefined;
  /** W3C Trace Context of whoever enqueued it. Not in lists. */
  readonly traceparent: string | undefined;
  readonly cancelRequested: boolean;
  readonly workerLosses: number;
}

/** One page of a list, newest first. */
export interface TaskPage {
  readonly tasks: readonly TaskInfo[];
  /** Pass it as `cursor` for the next page; undefined on the last. */
  readonly nextCursor: string | undefined;
  /** Everything up to then is in the list. */
  readonly asOf: Date | undefined;
}

type Fields = Record<string, unknown>;

export function readEnqueued(value: unknown): Enqueued {
  const fields = asFields(value);
  if (typeof fields["id"] !== "string") throw new InternalError("the server's answer has no task ID");
  return {
    id: fields["id"],
    duplicate: fields["duplicate"] === true,
    state: fields["state"] as TaskState | undefined,
    replaced: fields["replaced"] as string | undefined,
  };
}

export function readTaskInfo(value: unknown): TaskInfo {
  const fields = asFields(value);
  const text = (name: string): string => String(fields[name] ?? "");
  const time = (name: string): Date | undefined => readTime(fields[name]);
  const error = (fields["error"] ?? {}) as { code?: string; message?: string };
  const progress = (fields["progress"] ?? {}) as { fraction?: number; message?: string };
  return {
    id: text("id"),
    type: text("type"),
    queue: text("queue"),
    state: text("state") as TaskState,
    priority: Number(fields["priority"] ?? 5),
    attempt: Number(fields["attempt"] ?? 0),
    maxAttempts: Number(fields["max_attempts"] ?? 0),
    enqueuedAt: time("enqueued_at"),
    runAt: time("run_at"),
    nextAttemptAt: time("next_attempt_at"),
    startedAt: time("started_at"),
    finishedAt: time("finished_at"),
    expiresAt: time("expires_at"),
    deadlineAt: time("deadline_at"),
    worker: fields["worker"] as string | undefined,
    errorCode: error.code,
    errorMessage: error.message,
    result: readBlob(fields, "result", "result_content_type"),
    progress: progress.fraction,
    progressMessage: progress.message,
    tags: (fields["tags"] ?? []) as string[],
    key: fields["idempotency_key"] as string | undefined,
    traceparent: fields["traceparent"] as string | undefined,
    cancelRequested: fields["cancel_requested"] === true,
    workerLosses: Number(fields["worker_losses"] ?? 0),
  };
}

export function readTime(value: unknown): Date | undefined {
  return typeof value === "string" ? new Date(value) : undefined;
}

export function asFields(value: unknown): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new InternalError("the server does not answer like a Treadle server");
  return value as Fields;
}
