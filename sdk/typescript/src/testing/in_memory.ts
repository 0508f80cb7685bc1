/**
 * InMemory: an application's tasks in memory, with a clock that the test drives.
 *
 *     const memory = new InMemory(app).enter();
 *     const handle = await resize.enqueue({ path: "a.png", width: 300 });
 *     await memory.run();            // all that is due, and what that enqueues
 *     assert.equal(await handle.result(), "a.png@300");
 *     await memory.advance("1m");    // the clock moves; what becomes due runs
 *     memory.leave();
 *
 * While it is entered it is the application's client, so everything that is enqueued stays here. Handlers run with
 * their middleware, checks and conversions, one after the other. With `inline`, each task runs as it is enqueued.
 *
 * Played: priorities, delays and times, expiry and deadlines of tasks that wait, retries by their policy without
 * jitter, error codes that never or always retry, idempotency keys, snooze, discard, release, cancellation, redrive,
 * steps, checkpoints, progress and logs. Not played: leases, queues' policies, limits, contracts, timeouts.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { Treadle } from "../app.js";
import type { EncodedTask } from "../batcher.js";
import { Client, type TaskFilter } from "../client.js";
import { milliseconds, type Duration } from "../duration.js";
import {
  AlreadyExistsError,
  DeadlineExceededError,
  FailedPreconditionError,
  NotFoundError,
  TreadleError,
} from "../errors.js";
import type { TaskHandle } from "../handle.js";
import { decode } from "../json/read.js";
import type { TaskOptions } from "../options.js";
import { readBlob, type Payload } from "../payload.js";
import type { Enqueued, TaskInfo, TaskPage, TaskState } from "../task_info.js";
import { Attempt } from "../worker/attempts.js";
import { payloadOf, type Blob } from "../worker/lease.js";
import { Runner } from "../worker/runner.js";
import { FakeTask, type SentLog } from "./fake_task.js";
import { backoffMs } from "./policy.js";

/** More attempts of one run() are a task that enqueues or releases itself for ever. */
const RUNS_MAX = 10_000;
const KEY_WINDOW_MS = 86_400_000;

export interface InMemoryOptions {
  /** Runs each task as it is enqueued. */
  inline?: boolean;
  /** Where the driven clock begins. Default: now. */
  now?: Date;
}

type Fields = Record<string, unknown>;

interface Key {
  readonly task: FakeTask;
  /** Undefined: as long as `unique_while` says. */
  readonly until: number | undefined;
}

export class InMemory extends Client {
  private nowMs: number;
  private readonly isInline: boolean;
  private readonly byId = new Map<string, FakeTask>();
  private readonly keysTaken = new Map<string, Key>();
  private readonly running = new Map<string, FakeTask>(); // by token
  private readonly inHandler = new AsyncLocalStorage<true>();
  private active: Promise<number> | undefined;
  private count = 0;
  private before: Client | undefined;

  constructor(
    private readonly app: Treadle,
    options: InMemoryOptions = {},
  ) {
    super({ server: "http://127.0.0.1:1", token: "", keys: false });
    this.nowMs = (options.now ?? new Date()).getTime();
    this.isInline = options.inline ?? false;
  }

  /** Takes the place of the application's client, until leave(). */
  enter(): this {
    this.before = this.app.client;
    this.app.client = this;
    return this;
  }

  leave(): void {
    this.app.client = this.before;
  }

  // ---- for tests ----

  /** Of the driven clock. */
  get now(): Date {
    return new Date(this.nowMs);
  }

  /** All of them, in the order of enqueueing. */
  get tasks(): FakeTask[] {
    return [...this.byId.values()];
  }

  /** Throws NotFoundError. */
  task(id: string): FakeTask {
    const task = this.byId.get(id);
    if (task === undefined) throw new NotFoundError(`there is no task ${id}`);
    return task;
  }

  /** Runs all that is due, and what that enqueues; how many attempts that were. Within a handler it does nothing. */
  async run(): Promise<number> {
    if (this.inHandler.getStore() === true) return 0;
    while (this.active !== undefined) await this.active;
    this.active = this.runDue();
    try {
      return await this.active;
    } finally {
      this.active = undefined;
    }
  }

  /** Moves the clock, from one due task to the next, and runs them; how many attempts that were. */
  async advance(time: Duration): Promise<number> {
    const until = this.nowMs + milliseconds(time, "time");
    let count = await this.run();
    for (;;) {
      const due = this.tasks
        .filter((each) => each.isWaiting && this.app.tasks.has(each.type))
        .map((each) => each.dueAt)
        .filter((at) => at > this.nowMs && at <= until);
      if (due.length === 0) break;
      this.nowMs = Math.min(...due);
      count += await this.run();
    }
    this.nowMs = until;
    return count + (await this.run());
  }

  // ---- the server's part: running ----

  private async runDue(): Promise<number> {
    for (let count = 0; count < RUNS_MAX; ++count) {
      const task = this.nextDue();
      if (task === undefined) return count;
      await this.runOne(task);
    }
    throw new Error(`${RUNS_MAX} attempts, and still tasks are due: one of them never ends`);
  }

  private nextDue(): FakeTask | undefined {
    let next: FakeTask | undefined;
    for (const task of this.byId.values()) {
      if (!task.isWaiting) continue;
      if (task.deadlineAt !== undefined && task.deadlineAt <= this.nowMs) {
        task.end("dead", this.nowMs, "deadline_exceeded", "the deadline of the task has passed");
      } else if (task.expiresAt !== undefined && task.expiresAt <= this.nowMs) {
        task.end("expired", this.nowMs, "expired", "the task has waited for too long");
      } else if (task.dueAt <= this.nowMs) {
        task.state = "ready";
        if (this.app.tasks.has(task.type) && task.priority > (next?.priority ?? -1)) next = task;
      }
    }
    return next;
  }

  private async runOne(task: FakeTask): Promise<void> {
    task.state = "running";
    ++task.attempt;
    ++task.leases;
    const lease = task.lease();
    const attempt = new Attempt(lease, performance.now());
    attempt.begunAt = performance.now();
    task.token = attempt.token;
    this.running.set(lease.token, task);
    const { app } = this;
    const runner = new Runner(app.tasks, app.middlewares, { save: (token, update) => this.save(token, update) });
    const report = await this.inHandler.run(true, () => runner.run(attempt));
    this.running.delete(lease.token);
    this.apply(task, decode(report.json) as Fields);
  }

  private apply(task: FakeTask, report: Fields): void {
    const error = (report["error"] ?? {}) as { code?: string; message?: string };
    task.keepLog(report["log"] as SentLog | undefined);
    const outcome = report["outcome"];
    if (outcome === "completed") {
      task.result = readBlob(report, "result");
      task.end("completed", this.nowMs);
      task.steps.clear();
      task.checkpoint = undefined;
    } else if (outcome === "discarded") {
      task.end("cancelled", this.nowMs, error.code, error.message);
    } else if (task.token?.cause === "requested") {
      task.end("cancelled", this.nowMs, "asked", task.errorMessage);
    } else if (outcome === "failed") {
      this.fail(task, report, error);
    } else {
      --task.attempt;
      const delayMs = outcome === "snoozed" ? Number(report["delay_ms"] ?? 0) : 0;
      task.wait(delayMs > 0 ? "scheduled" : "ready", this.nowMs + delayMs);
    }
  }

  private fail(task: FakeTask, report: Fields, error: { code?: string; message?: string }): void {
    const { policy } = task;
    const code = error.code ?? "";
    task.errorCode = code;
    task.errorMessage = error.message ?? "";
    task.firstFailureAt ??= this.nowMs;
    const nextAt = this.nowMs + Number(report["delay_ms"] ?? backoffMs(policy, task.attempt));
    const isLate = policy.total_ms > 0 && nextAt > task.firstFailureAt + policy.total_ms;
    const retries = report["retry"] !== false || policy.always.includes(code);
    const isDead = !retries || policy.never.includes(code) || task.attempt >= task.maxAttempts || isLate;
    if (isDead) task.end("dead", this.nowMs);
    else task.wait("retrying", nextAt);
  }

  /** What running attempts save. */
  private async save(token: string, update: string): Promise<number> {
    const task = this.running.get(token);
    if (task === undefined) throw new TreadleError("LEASE_LOST", "the attempt has ended");
    const fields = decode(update) as { steps?: Blob[]; checkpoint?: Blob; progress?: Blob; log?: SentLog };
    for (const step of fields.steps ?? []) task.steps.set(String(step["name"]), step);
    if (fields.checkpoint !== undefined) task.checkpoint = fields.checkpoint;
    if (fields.progress !== undefined) task.progress = Number(fields.progress["fraction"]);
    return task.keepLog(fields.log);
  }

  // ---- the server's part: enqueueing ----

  override async enqueue<Out = unknown>(
    type: string,
    payload?: unknown,
    options?: TaskOptions,
  ): Promise<TaskHandle<Out>> {
    const handle = await super.enqueue<Out>(type, payload, options);
    if (this.isInline) await this.run();
    return handle;
  }

  override async enqueueMany<Out = unknown>(
    type: string,
    payloads: Iterable<unknown>,
    options?: TaskOptions,
  ): Promise<TaskHandle<Out>[]> {
    const handles = await super.enqueueMany<Out>(type, payloads, options);
    if (this.isInline) await this.run();
    return handles;
  }

  override async enqueueNoWait<Out = unknown>(
    type: string,
    payload?: unknown,
    options?: TaskOptions,
  ): Promise<TaskHandle<Out>> {
    const handle = await super.enqueueNoWait<Out>(type, payload, options);
    if (this.isInline) await this.run();
    return handle;
  }

  protected override async sendTasks(tasks: readonly EncodedTask[]): Promise<Enqueued[]> {
    return tasks.map((each) => this.accept(each.json));
  }

  private accept(json: string): Enqueued {
    const fields = decode(json) as Fields;
    const found = this.byKey(fields);
    if (found !== undefined) return found;
    const task = new FakeTask(`1-${++this.count}`, json, fields, this.nowMs);
    this.byId.set(task.id, task);
    if (fields["idempotency_key"] !== undefined) {
      const windowMs = (fields["idempotency_window_ms"] as number | undefined) ?? KEY_WINDOW_MS;
      const until = fields["unique_while"] === undefined ? this.nowMs + windowMs : undefined;
      this.keysTaken.set(keyOf(fields), { task, until });
    }
    return { id: task.id, duplicate: false };
  }

  private byKey(fields: Fields): Enqueued | undefined {
    const taken = fields["idempotency_key"] === undefined ? undefined : this.keysTaken.get(keyOf(fields));
    if (taken === undefined || this.isFree(taken)) return undefined;
    const { task } = taken;
    const how = fields["on_duplicate"] ?? "return";
    if (how === "replace" && task.isWaiting && task.leases === 0) {
      this.byId.delete(task.id);
      return undefined;
    }
    if (how === "return" && sameRequest(fields, task.fields))
      return { id: task.id, duplicate: true, state: task.state };
    throw new AlreadyExistsError(`the idempotency key is taken by task ${task.id}`);
  }

  private isFree({ task, until }: Key): boolean {
    if (until !== undefined) return until <= this.nowMs;
    if (task.hasEnded) return true;
    const isHeldWhile = task.fields["unique_while"];
    if (isHeldWhile === "waiting") return task.leases > 0;
    return isHeldWhile === "running" && task.leases > 0 && task.state !== "running";
  }

  // ---- the client's part ----

  override async get(id: string): Promise<TaskInfo> {
    return this.task(id).info();
  }

  /** Runs what is due first; the clock does not move. */
  override async wait(id: string): Promise<TaskInfo> {
    const task = this.task(id);
    await this.run();
    if (!task.hasEnded) throw new DeadlineExceededError(`task ${id} is still ${task.state}; advance() the clock`);
    return task.info();
  }

  override async payload(id: string): Promise<Payload> {
    return payloadOf(this.task(id).lease());
  }

  override async log(id: string, attempt?: number): Promise<string> {
    const task = this.task(id);
    return task.logs.get(attempt ?? task.leases) ?? "";
  }

  /** Of the filters: queue, type, state, tag and key. */
  override async list(filter: TaskFilter = {}): Promise<TaskPage> {
    const { tag } = filter;
    const tasks = this.tasks
      .map((each) => each.info())
      .filter((each) =>
        (["queue", "type", "state", "key"] as const).every(
          (name) => filter[name] === undefined || filter[name] === each[name],
        ),
      )
      .filter((each) => tag === undefined || each.tags.includes(tag))
      .reverse();
    return { tasks, nextCursor: undefined, asOf: this.now };
  }

  override async cancel(id: string, reason = ""): Promise<TaskState> {
    const task = this.task(id);
    if (task.isWaiting) {
      task.end("cancelled", this.nowMs, "asked", reason);
    } else if (task.state === "running") {
      task.errorMessage = reason;
      task.token?.cancel("requested");
    } else if (task.state !== "cancelled") {
      throw new FailedPreconditionError(`task ${id} is ${task.state}`);
    }
    return task.state;
  }

  override async redrive(id: string): Promise<TaskState> {
    const task = this.task(id);
    if (!task.hasEnded || task.state === "completed") throw new FailedPreconditionError(`task ${id} is ${task.state}`);
    task.redrive(this.nowMs);
    return task.state;
  }

  override async runNow(id: string): Promise<TaskState> {
    const task = this.task(id);
    if (task.isWaiting) task.wait("ready", this.nowMs);
    return task.state;
  }

  override async delete(id: string): Promise<void> {
    if (this.task(id).state === "running") throw new FailedPreconditionError(`task ${id} is running; cancel it first`);
    this.byId.delete(id);
  }
}

const keyOf = (fields: Fields): string => JSON.stringify([fields["queue"] ?? "default", fields["idempotency_key"]]);

function sameRequest(one: Fields, other: Fields): boolean {
  const text = (fields: Fields): string =>
    JSON.stringify({ ...fields, traceparent: undefined }, (_, value: unknown) =>
      typeof value === "bigint" ? `${value}n` : value,
    );
  return text(one) === text(other);
}
