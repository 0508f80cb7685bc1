/** Context: what surrounds one attempt at a task. */

import { format } from "node:util";
import { Cancelled, type CancelCause, type CancelToken } from "./cancel.js";
import { milliseconds, type Duration } from "./duration.js";
import { LeaseLostError, type TreadleError } from "./errors.js";
import type { Received } from "./handle.js";
import { mustBe, mustBeText } from "./must_be.js";
import { Failure } from "./outcomes.js";
import type { Payload } from "./payload.js";
import type { AttemptSession } from "./session.js";
import { payloadOf, type Lease } from "./worker/lease.js";

/** Lines for the attempt's log, which `treadle task log ID` shows. Arguments are formatted like `console.log`. */
export interface TaskLog {
  debug(...values: unknown[]): void;
  info(...values: unknown[]): void;
  log(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Context {
  private madeSession: AttemptSession | undefined;
  private madeLog: TaskLog | undefined;

  /** For workers and tests. `deadlineAt`: by `performance.now()`. */
  constructor(
    private readonly lease: Lease,
    private readonly token: CancelToken,
    private readonly deadlineAt: number,
    private readonly makeSession: () => AttemptSession,
  ) {}

  /** Of the task, for example "1-42". */
  get id(): string {
    return this.lease.id;
  }

  get type(): string {
    return this.lease.type;
  }

  get queue(): string {
    return this.lease.queue;
  }

  /** From 1, this one included. */
  get attempt(): number {
    return this.lease.attempt;
  }

  get maxAttempts(): number {
    return this.lease.maxAttempts;
  }

  get enqueuedAt(): Date {
    return new Date(this.lease.enqueuedAt);
  }

  /** When the task as a whole must have ended. */
  get taskDeadline(): Date | undefined {
    return this.lease.deadlineAt === undefined ? undefined : new Date(this.lease.deadlineAt);
  }

  /** What the task carries does not belong into logs. */
  get sensitive(): boolean {
    return this.lease.sensitive;
  }

  /** The version of the type's contract that the payload fits. */
  get contractVersion(): number | undefined {
    return this.lease.contractVersion;
  }

  /** W3C Trace Context of whoever enqueued the task; undefined if they sent none. */
  get traceparent(): string | undefined {
    return this.lease.traceparent;
  }

  /** The exact bytes of the payload; their SHA-256 was checked. */
  get payload(): Payload {
    return payloadOf(this.lease);
  }

  // ---- its end ----

  /** Aborted when the work is no longer wanted; the reason is a `Cancelled`. Pass it on, for example to `fetch`. */
  get signal(): AbortSignal {
    return this.token.signal;
  }

  get isCancelled(): boolean {
    return this.token.cause !== undefined;
  }

  /** Undefined while it is not cancelled. */
  get cancelCause(): CancelCause | undefined {
    return this.token.cause;
  }

  /** When the attempt is cut off; undefined if nothing limits it. */
  get deadline(): Date | undefined {
    return this.deadlineAt === Infinity ? undefined : new Date(Date.now() + this.remaining());
  }

  /** Milliseconds until the attempt is cut off; Infinity if nothing limits it. */
  remaining(): number {
    return Math.max(this.deadlineAt - performance.now(), 0);
  }

  /** Throws Cancelled if the work is no longer wanted. */
  check(): void {
    this.token.check();
  }

  /** Sleeps, and throws Cancelled as soon as the work is no longer wanted. */
  async sleep(time: Duration): Promise<void> {
    this.check();
    const { signal } = this;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(done, Math.min(milliseconds(time, "time"), LONGEST_TIMER_MS));
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        if (signal.aborted) reject(signal.reason as Cancelled);
        else resolve();
      }
      signal.addEventListener("abort", done, { once: true });
    });
  }

  // ---- what outlives the attempt ----

  /** For workers and tests. */
  get session(): AttemptSession {
    return (this.madeSession ??= this.makeSession());
  }

  /** The session, if it was used. */
  get usedSession(): AttemptSession | undefined {
    return this.madeSession;
  }

  /**
   * Runs `run` unless an attempt at this task has finished the step before, and resolves to its result: that of
   * now, or the kept one, which has been through JSON. It is durable before it resolves. What `run` does happens at
   * least once, and not again once its result is kept. Throws Failure "step_not_saved" if it could not be kept.
   */
  async step<T>(name: string, run: () => T | Promise<T>): Promise<T | Received<T>> {
    const kept = this.session.findStep(name);
    if (kept !== undefined) return kept.value as Received<T>;
    const result = await run();
    try {
      await this.session.saveStep(name, result);
    } catch (error) {
      if (error instanceof LeaseLostError) throw new Cancelled("lease_lost");
      const { code, message } = error as TreadleError;
      const retry = code !== "INVALID_ARGUMENT" && code !== "RESOURCE_EXHAUSTED";
      throw new Failure("step_not_saved", `step ${name}: ${message}`, { retry });
    }
    return result;
  }

  /** What saveCheckpoint() kept last, in this attempt or an earlier one; undefined if nothing was. */
  checkpoint<T = unknown>(): T | undefined {
    return this.session.findCheckpoint()?.value as T | undefined;
  }

  /**
   * Keeps how far the work is, in place of what was kept before; durable once it resolves. Throws TreadleError if it
   * could not be kept, and Cancelled if the lease is lost.
   */
  async saveCheckpoint(value: unknown): Promise<void> {
    try {
      await this.session.saveCheckpoint(value);
    } catch (error) {
      throw error instanceof LeaseLostError ? new Cancelled("lease_lost") : error;
    }
  }

  /** How far the work is, from 0 to 1, for whoever looks. May be called often. */
  progress(fraction: number, message = ""): void {
    mustBe(typeof fraction === "number", fraction, "fraction", "a number");
    mustBeText(message, "message");
    this.session.tellProgress(fraction, message);
  }

  /** The attempt's log. The first 64 KiB are kept. */
  get log(): TaskLog {
    return (this.madeLog ??= this.makeLog());
  }

  private makeLog(): TaskLog {
    const lines =
      (level: string) =>
      (...values: unknown[]): void =>
        this.session.appendLog(`${new Date().toISOString()} ${level}${format(...values)}`);
    return { debug: lines("DEBUG "), info: lines(""), log: lines(""), warn: lines("WARN "), error: lines("ERROR ") };
  }
}
