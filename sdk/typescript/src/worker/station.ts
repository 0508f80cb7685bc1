/** Station: one pool of a worker: its tasks, their slots, and its conversation with the server. */

import { hostname } from "node:os";
import type { AnyTask, Middleware, PoolOptions } from "../app.js";
import { InvalidArgumentError, UnavailableError } from "../errors.js";
import type { Caller } from "../http/caller.js";
import type { ConnectionOptions } from "../http/connection.js";
import { decode } from "../json/read.js";
import { asFields } from "../task_info.js";
import { Attempts, ITEMS_MAX } from "./attempts.js";
import { Exchanger } from "./exchanger.js";
import type { Keeper } from "./keeper.js";
import type { Lines } from "./lines.js";
import { Runner } from "./runner.js";

const NAMES_MAX = 100; // queues, types
const DELIVER_MS = 5_000; // for the last reports, once nothing runs any more
const GOODBYE_MS = 2_000;

export interface StationOptions {
  readonly name: string; // of the pool; may be empty
  readonly pool: PoolOptions;
  readonly tasks: ReadonlyMap<string, AnyTask>;
  readonly middlewares: readonly Middleware[];
  readonly worker: string;
  readonly build: string;
  readonly shutdownGraceMs: number;
  readonly cancelWaitMs: number;
  readonly pollWaitMs: number;
  readonly isQuiet: boolean;
  readonly lines: Lines;
  readonly connection: ConnectionOptions;
  /** For what attempts save. */
  readonly caller: Caller;
  readonly keeper: Keeper | undefined;
}

export class Station {
  readonly attempts: Attempts;
  private readonly exchanger: Exchanger;
  private stops = 0;
  private onWake: (() => void) | undefined;

  /** Throws InvalidArgumentError. */
  constructor(private readonly options: StationOptions) {
    check(options);
    const { tasks, pool, lines, name, worker } = options;
    const runner = new Runner(tasks, options.middlewares, { save: (...update) => this.save(...update) });
    this.attempts = new Attempts({
      slots: pool.concurrency ?? 10,
      prefetch: pool.prefetch ?? true,
      cancelWaitMs: options.cancelWaitMs,
      timeoutMsOf: (type) => tasks.get(type)?.timeoutMs,
      run: (attempt) => runner.run(attempt),
      changed: () => this.exchanger.changed(),
      keeper: options.keeper,
    });
    this.exchanger = new Exchanger(
      {
        connection: options.connection,
        worker: name === "" ? worker : `${worker}.${name}`,
        build: options.build,
        queues: pool.queues ?? ["default"],
        types: [...tasks.keys()],
        pollWaitMs: options.pollWaitMs,
        goodbyeMs: GOODBYE_MS,
        log: (line) => lines.say(line),
        ended: (ended) => {
          if (!options.isQuiet) lines.ended(ended);
        },
        progressed: () => this.wake(),
      },
      this.attempts,
    );
  }

  /**
   * Works until stopTimes(), and then winds down: takes nothing new, lets what runs finish within the grace, cancels
   * the rest and returns it unspent, and delivers all reports. Throws UnavailableError if reports could not be
   * delivered (those tasks run again), or what the server refuses this worker with.
   */
  async run(): Promise<void> {
    this.exchanger.start();
    while (this.stops === 0 && this.exchanger.failure === undefined) await this.woken(undefined);
    await this.windDown();
    const { failure } = this.exchanger;
    const unreported = await this.exchanger.stop();
    this.attempts.close();
    if (failure !== undefined) throw failure;
    if (unreported > 0)
      throw new UnavailableError(
        `stopped without having delivered ${unreported} report(s); those tasks will run again`,
      );
  }

  /** 1 begins the end of run(), 2 ends the grace, 3 the wait for cancelled handlers. */
  stopTimes(times: number): void {
    this.stops = Math.max(this.stops, times);
    this.wake();
  }

  private async save(token: string, update: string, limitMs: number): Promise<number> {
    const answer = await this.options.caller.call({
      method: "POST",
      target: `/v1/attempts/${token}`,
      body: update,
      timeoutMs: limitMs,
      alsoRepeat: (error) => error.retryAfter !== undefined,
    });
    return Number(asFields(decode(answer.body.toString("utf8")))["log_bytes"] ?? 0);
  }

  // ---- the end ----

  private async windDown(): Promise<void> {
    this.attempts.drain();
    this.exchanger.drain();
    const { shutdownGraceMs, cancelWaitMs } = this.options;
    if (this.exchanger.failure === undefined) {
      this.sayWhatIsWaitedFor();
      if (await this.waitIdle(shutdownGraceMs, 2)) return;
    }
    this.sayOfRunning((tasks) => `cancelling ${tasks}, which may take up to ${cancelWaitMs / 1_000} s to end`);
    this.attempts.cancelRunning();
    if (this.exchanger.failure !== undefined || (await this.waitIdle(cancelWaitMs, 3))) return;
    this.sayOfRunning((tasks) => `giving up ${tasks}; the server will have it run again`);
    this.attempts.releaseRunning();
    await this.waitIdle(DELIVER_MS, 4);
  }

  private sayWhatIsWaitedFor(): void {
    const grace = this.options.shutdownGraceMs / 1_000;
    const them = this.attempts.runningTasks().length === 1 ? "it" : "them";
    this.sayOfRunning((tasks) => `stopping: waiting up to ${grace} s for ${tasks}; a second signal cancels ${them}`);
  }

  private sayOfRunning(line: (tasks: string) => string): void {
    const running = this.attempts.runningTasks();
    if (running.length > 0) this.options.lines.say(line(listed(running)));
  }

  /** False if `limitMs` passed, or the stop was asked for the `stops`-th time, before all was done and delivered. */
  private async waitIdle(limitMs: number, stops: number): Promise<boolean> {
    const deadline = performance.now() + limitMs;
    while (!this.exchanger.isIdle()) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0 || this.stops >= stops || this.exchanger.failure !== undefined) return false;
      await this.woken(leftMs);
    }
    return true;
  }

  // ---- waking run() ----

  private wake(): void {
    this.onWake?.();
  }

  private woken(limitMs: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = limitMs === undefined ? undefined : setTimeout(() => this.wake(), Math.ceil(limitMs));
      this.onWake = () => {
        this.onWake = undefined;
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** HOST-PID, with the characters that names may have. */
export function defaultWorkerName(): string {
  const host = hostname()
    .slice(0, 100)
    .replace(/[^A-Za-z0-9._-]/g, "-")
    .replace(/^[._-]+/, "");
  return `${host === "" ? "worker" : host}-${process.pid}`;
}

/** "1 running task (1-5)", "7 running tasks (1-5, 1-6, 1-7, 1-8, 1-9 and 2 more)". */
function listed(tasks: readonly string[]): string {
  const more = tasks.length > 5 ? ` and ${tasks.length - 5} more` : "";
  return `${tasks.length} running task${tasks.length === 1 ? "" : "s"} (${tasks.slice(0, 5).join(", ")}${more})`;
}

function check({ pool, tasks, pollWaitMs }: StationOptions): void {
  const refuse = (field: string, what: string): never => {
    throw new InvalidArgumentError(`${field} must be ${what}`, { field });
  };
  const { concurrency = 10, queues = ["default"] } = pool;
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > ITEMS_MAX)
    refuse("concurrency", "from 1 to 1000");
  if (!Array.isArray(queues) || queues.length < 1 || queues.length > NAMES_MAX)
    refuse("queues", "a list of 1 to 100 names");
  if (tasks.size > NAMES_MAX) refuse("tasks", "at most 100 task types in a pool");
  if (pollWaitMs > 60_000) refuse("pollWait", "at most 60 s");
}
