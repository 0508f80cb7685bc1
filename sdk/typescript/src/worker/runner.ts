/**
 * Runner: runs the handler of one attempt, with all middleware around it, and makes its report.
 *
 * Code of the handler's own may still run after its end: a getter of what it threw, or a result that is made as it is
 * read. What that throws fails the attempt as well, and never leaves the runner.
 */

import type { AnyTask, Middleware } from "../app.js";
import type { CancelCause } from "../cancel.js";
import { Cancelled } from "../cancel.js";
import { Context } from "../context.js";
import { milliseconds, type Duration } from "../duration.js";
import { TreadleError } from "../errors.js";
import { decode } from "../json/read.js";
import { mustBeText } from "../must_be.js";
import { Discard, Failure, Outcome, Release, Snooze } from "../outcomes.js";
import { AttemptSession, type Sender } from "../session.js";
import { isA, messageOf, nameOf, stackOf } from "../thrown.js";
import type { Attempt } from "./attempts.js";
import { payloadOf, type Lease } from "./lease.js";
import {
  completed,
  discarded,
  errorCode,
  failed,
  released,
  Report,
  snoozed,
  withLog,
  type OutcomeName,
} from "./report.js";

/** How an attempt ended. */
interface End {
  outcome: OutcomeName;
  result?: unknown;
  code?: string;
  message?: string;
  retry?: boolean;
  delayMs?: number;
}

type Call = (context: Context, payload: unknown) => unknown;

const RELEASED: End = { outcome: "released" };
const WAIT_MS_MAX = 3_650 * 86_400_000;

export class Runner {
  private readonly calls = new Map<string, Call>();

  constructor(
    private readonly tasks: ReadonlyMap<string, AnyTask>,
    middlewares: readonly Middleware[],
    private readonly sender: Sender,
  ) {
    for (const [name, task] of tasks) this.calls.set(name, surrounded(task, middlewares));
  }

  /** Runs the attempt to its end. Does not throw. */
  async run(attempt: Attempt): Promise<Report> {
    const { lease, token } = attempt;
    const context = new Context(lease, token, attempt.deadline, () => new AttemptSession(lease, this.sender));
    try {
      return report(attempt, context, await this.endOf(lease, context));
    } catch (error) {
      return report(attempt, context, unreportable(error));
    }
  }

  private async endOf(lease: Lease, context: Context): Promise<End> {
    const task = this.tasks.get(lease.type);
    const call = this.calls.get(lease.type);
    if (task === undefined || call === undefined) return RELEASED;
    if (lease.isDamaged)
      return {
        outcome: "failed",
        code: "payload_damaged",
        message: "the payload that arrived does not have its SHA-256",
      };
    let payload: unknown;
    try {
      payload = valueOf(lease);
      if (task.parse !== undefined) payload = task.parse(payload);
    } catch (error) {
      return { outcome: "failed", code: "payload_invalid", message: messageOf(error), retry: false };
    }
    try {
      return { outcome: "completed", result: await call(context, payload) };
    } catch (error) {
      return endOfThrown(error, task, context);
    }
  }
}

function valueOf(lease: Lease): unknown {
  return typeof lease.raw === "string" ? decode(lease.raw) : payloadOf(lease);
}

function surrounded(task: AnyTask, middlewares: readonly Middleware[]): Call {
  let call: Call = (context, payload) => task.handler(payload, context);
  for (const middleware of [...middlewares].reverse()) {
    const inner = call;
    call = (context, payload) => middleware(context, async () => inner(context, payload));
  }
  return call;
}

/** Of an attempt whose own end could not be put into a report. Another try may do better. */
function unreportable(error: unknown): End {
  return { outcome: "failed", code: "report_invalid", message: `${nameOf(error)}: ${messageOf(error)}` };
}

function endOfThrown(thrown: unknown, task: AnyTask, context: Context): End {
  if (isA(thrown, Cancelled)) return RELEASED;
  let error = thrown;
  try {
    if (isA(thrown, Outcome)) return endOfOutcome(thrown);
  } catch (wrong) {
    if (wrong instanceof TreadleError) return { outcome: "failed", code: "delay_invalid", message: wrong.message };
    error = wrong; // its fields are not what they should be
  }
  if (!context.isCancelled) context.session.appendLog(stackOf(error));
  const retry = !task.neverRetry.some((each) => isA(error, each));
  return { outcome: "failed", code: nameOf(error), message: messageOf(error), retry };
}

function endOfOutcome(outcome: Outcome): End {
  if (outcome instanceof Failure) {
    const { code, message, retry, retryAfter } = outcome;
    mustBeText(code, "code");
    mustBeText(message, "message");
    const end: End = { outcome: "failed", code, message, retry };
    if (retryAfter === undefined) return end;
    return { ...end, delayMs: Math.min(waitMs(retryAfter, "retryAfter"), WAIT_MS_MAX) };
  }
  if (outcome instanceof Snooze) return endOfSnooze(waitMs(outcome.delay, "delay"));
  if (outcome instanceof Discard) {
    const { code, message } = outcome;
    mustBeText(code, "code");
    mustBeText(message, "message");
    return { outcome: "discarded", code, message };
  }
  if (outcome instanceof Release) return RELEASED;
  return { outcome: "failed", code: nameOf(outcome), message: messageOf(outcome) };
}

/** What lies in the past is now. */
function waitMs(time: Duration, field: string): number {
  return milliseconds(typeof time === "number" && time < 0 ? 0 : time, field);
}

function endOfSnooze(delayMs: number): End {
  if (delayMs <= WAIT_MS_MAX) return { outcome: "snoozed", delayMs };
  const message = `the task was snoozed for ${delayMs} ms; the longest time is 3650 days`;
  return { outcome: "failed", code: "snooze_invalid", message };
}

// ---- the report ----

function report(attempt: Attempt, context: Context, ended: End): Report {
  const { lease, token } = attempt;
  let end = ended;
  if (end.outcome !== "completed" && token.cause !== undefined) end = afterTheCut(end, token.cause, attempt.limitMs);
  let json: string | undefined;
  if (end.outcome === "completed") {
    try {
      json = completed(lease.token, end.result);
    } catch (error) {
      end = wrongResult(error);
    }
  }
  json ??= jsonOf(lease.token, end);
  const log = context.usedSession?.takeLog();
  if (log !== undefined) json = withLog(json, log.offset, log.text);
  return new Report(lease.token, json, {
    id: lease.id,
    type: lease.type,
    outcome: end.outcome,
    ms: performance.now() - attempt.begunAt,
    attempt: lease.attempt,
    maxAttempts: lease.maxAttempts,
    code: lease.sensitive || end.code === undefined ? "" : errorCode(end.code),
    message: lease.sensitive ? "" : (end.message ?? ""),
    delayMs: end.delayMs ?? 0,
  });
}

/**
 * Work that was cut short has not failed: the task goes back unspent, which cancels it if someone asked for that.
 * But it may have had its time; if that spent nothing, it would run for ever.
 */
function afterTheCut(end: End, cause: CancelCause, limitMs: number): End {
  if (end.outcome !== "failed" && end.outcome !== "released") return end;
  if (cause !== "timeout") return RELEASED;
  return { outcome: "failed", code: "timeout", message: `the attempt took longer than ${Math.round(limitMs)} ms` };
}

/** Another try would bring the same. */
function wrongResult(error: unknown): End {
  const isOurs = isA(error, TreadleError);
  const message = isOurs ? error.message : `the result cannot be read: ${nameOf(error)}: ${messageOf(error)}`;
  const isTooLarge = isOurs && / has \d+ bytes; at most /.test(message);
  return { outcome: "failed", code: isTooLarge ? "result_too_large" : "result_invalid", message, retry: false };
}

function jsonOf(token: string, end: End): string {
  const { outcome, code = "failed", message = "", retry = true, delayMs } = end;
  if (outcome === "failed") return failed(token, code, message, retry, delayMs);
  if (outcome === "snoozed") return snoozed(token, delayMs ?? 0);
  if (outcome === "discarded") return discarded(token, code, message);
  return released(token);
}
