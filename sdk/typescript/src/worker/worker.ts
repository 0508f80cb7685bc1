/** Worker: runs the tasks of an application, with one station for each of its pools. */

import { setTimeout as sleep } from "node:timers/promises";
import type { AnyTask, Treadle } from "../app.js";
import { contractChange } from "../contract.js";
import { milliseconds, type Duration } from "../duration.js";
import { InvalidArgumentError, type TreadleError } from "../errors.js";
import { Backoff } from "../http/backoff.js";
import { Caller } from "../http/caller.js";
import type { ConnectionOptions } from "../http/connection.js";
import { Keeper } from "./keeper.js";
import { Lines } from "./lines.js";
import { defaultWorkerName, Station } from "./station.js";

export interface WorkerOptions {
  /** Of the pool without a name; tasks at the same time, 1 to 1000. Default: 10. */
  concurrency?: number | undefined;
  /** Of the pool without a name. Default: ["default"]. */
  queues?: readonly string[] | undefined;
  /** Of the pool without a name; see PoolOptions. */
  prefetch?: boolean | undefined;
  /** Shows in task views. Default: HOST-PID. */
  name?: string;
  /** Of the program; shows in histories. */
  build?: string;
  /** How long a stop lets running tasks finish. Default: 25 s. */
  shutdownGrace?: Duration;
  /** How long cancelled handlers may take to return. Default: 7 s. */
  cancelWait?: Duration;
  /** How long an exchange may wait for news. Default: 30 s, at most 60 s. */
  pollWait?: Duration;
  /** A thread renews leases while the event loop is busy. Default: true. */
  keeper?: boolean;
  /** No line for each task that ends. */
  quiet?: boolean;
  /** Lines as JSON. Default: unless standard error is a terminal. */
  json?: boolean | undefined;
  /** Takes the lines. Default: standard error. */
  lines?: ((text: string) => void) | undefined;
  /** Whether SIGTERM, SIGINT and SIGHUP stop it. Default: true. */
  signals?: boolean;
  /** Stops it, like a signal. */
  signal?: AbortSignal;
}

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
const CONNECTIONS_TO_SAVE = 8;

export class Worker {
  private readonly lines: Lines;
  private stations: Station[] = [];
  private stops = 0;

  constructor(
    private readonly app: Treadle,
    private readonly options: WorkerOptions = {},
  ) {
    this.lines = new Lines({ write: options.lines, json: options.json });
  }

  /**
   * Works until stop(), or a signal, and then winds down: takes nothing new, lets what runs finish within the grace,
   * cancels the rest and returns it unspent, and delivers all reports. A server that is away, restarted or killed
   * ends nothing. Throws UnavailableError if reports could not be delivered (those tasks run again), or what the
   * server refuses this worker with (InvalidArgumentError, UnauthenticatedError …).
   */
  async run(): Promise<void> {
    const { client } = this.app;
    const { servers, token, ca } = client;
    const connection = { servers, token, ca, connectTimeoutMs: 5_000 };
    const caller = new Caller({ ...connection, connections: CONNECTIONS_TO_SAVE });
    const keeper = this.options.keeper === false ? undefined : new Keeper(connection);
    const stop = (): void => this.stop();
    const signals = this.options.signals === false ? [] : SIGNALS;
    for (const each of signals) process.on(each, stop);
    this.options.signal?.addEventListener("abort", stop, { once: true });
    try {
      this.stations = this.makeStations(connection, caller, keeper);
      if (this.options.signal?.aborted === true) this.stop();
      await this.registerContracts();
      await this.runStations();
    } finally {
      for (const each of signals) process.off(each, stop);
      this.options.signal?.removeEventListener("abort", stop);
      keeper?.close();
      caller.close();
    }
  }

  /** Begins the end of run(); called again it ends the grace, and then the wait for cancelled handlers. */
  stop(): void {
    ++this.stops;
    this.stopStations();
  }

  private stopStations(): void {
    if (this.stops > 0) for (const each of this.stations) each.stopTimes(this.stops);
  }

  /** One pool's end is the end of all: a worker that does half of its work would not be noticed. */
  private async runStations(): Promise<void> {
    this.stopStations();
    const runs = this.stations.map(async (station) => {
      try {
        await station.run();
      } finally {
        this.stops = Math.max(this.stops, 1);
        this.stopStations();
      }
    });
    const ended = await Promise.allSettled(runs);
    for (const each of ended) if (each.status === "rejected") throw each.reason;
  }

  private makeStations(connection: ConnectionOptions, caller: Caller, keeper: Keeper | undefined): Station[] {
    const { pools, tasks, middlewares } = this.app;
    const byPool = new Map<string, Map<string, AnyTask>>();
    for (const task of tasks.values()) {
      if (!pools.has(task.pool))
        throw new InvalidArgumentError(`${task.name} names the pool "${task.pool}", which app.pool() never made`, {
          field: "pool",
        });
      const others = byPool.get(task.pool) ?? new Map<string, AnyTask>();
      byPool.set(task.pool, others.set(task.name, task));
    }
    if (byPool.size === 0) throw new InvalidArgumentError("no task: call app.task() first", { field: "tasks" });
    const { options, lines } = this;
    return [...byPool].map(
      ([name, its]) =>
        new Station({
          name,
          pool: name === "" ? this.unnamedPool() : (pools.get(name) ?? {}),
          tasks: its,
          middlewares,
          worker: options.name ?? defaultWorkerName(),
          build: options.build ?? "",
          shutdownGraceMs: milliseconds(options.shutdownGrace ?? 25_000, "shutdownGrace"),
          cancelWaitMs: milliseconds(options.cancelWait ?? 7_000, "cancelWait"),
          pollWaitMs: milliseconds(options.pollWait ?? 30_000, "pollWait"),
          isQuiet: options.quiet ?? false,
          lines,
          connection,
          caller,
          keeper,
        }),
    );
  }

  private unnamedPool(): { queues?: readonly string[]; concurrency?: number; prefetch?: boolean } {
    const base = this.app.pools.get("") ?? {};
    const { queues = base.queues, concurrency = base.concurrency, prefetch = base.prefetch } = this.options;
    return {
      ...(queues === undefined ? {} : { queues }),
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(prefetch === undefined ? {} : { prefetch }),
    };
  }

  private async registerContracts(): Promise<void> {
    for (const task of this.app.tasks.values())
      for (const contract of task.contracts)
        await this.register(task.name, contract.version ?? 1, contractChange(contract));
  }

  private async register(type: string, version: number, change: Record<string, unknown>): Promise<void> {
    const backoff = new Backoff();
    while (this.stops === 0) {
      try {
        return await this.app.client.putContract(type, version, change);
      } catch (error) {
        const { code, message } = error as TreadleError;
        if (code !== "UNAVAILABLE" && code !== "DEADLINE_EXCEEDED") throw error;
        this.lines.say(`${message}; trying again until it answers`);
        await sleep(backoff.nextMs());
      }
    }
  }
}
