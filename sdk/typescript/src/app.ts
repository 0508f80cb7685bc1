/** Treadle: an application: its client, its tasks, and the worker that runs them. */

import { Client, type ClientOptions } from "./client.js";
import type { Context } from "./context.js";
import { InvalidArgumentError } from "./errors.js";
import { Task, type Handler, type TaskTypeOptions } from "./task.js";
import { Worker, type WorkerOptions } from "./worker/worker.js";

/** Returns what `next()` resolves to, or something else, or throws. */
export type Middleware = (context: Context, next: () => Promise<unknown>) => unknown;

/** Queues with slots of their own: long tasks in one pool never keep the short ones of another waiting. */
export interface PoolOptions {
  /** Default: ["default"]. */
  queues?: readonly string[] | undefined;
  /** Tasks at the same time, 1 to 1000. Default: 10. */
  concurrency?: number | undefined;
  /** Short tasks are fetched ahead of their turn, for at most 20 ms of work. Default: true. */
  prefetch?: boolean | undefined;
}

/** For any task, whatever it takes and returns. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyTask = Task<any, any>;

/**
 *     const app = new Treadle();
 *     export const resize = app.task("resize", async ({ path, width }: Job, context) => { … });
 *     await resize.enqueue({ path: "a.png", width: 300 });
 *     await app.work({ concurrency: 20 });
 */
export class Treadle {
  readonly tasks = new Map<string, AnyTask>();
  readonly pools = new Map<string, PoolOptions>([["", {}]]);
  readonly middlewares: Middleware[] = [];
  private madeClient: Client | undefined;

  constructor(private readonly options: ClientOptions = {}) {}

  /** The client of this application, made when it is first asked for. */
  get client(): Client {
    return (this.madeClient ??= new Client(this.options));
  }

  /** Tests put another in its place; undefined: one is made when it is asked for. */
  set client(client: Client | undefined) {
    this.madeClient = client;
  }

  /**
   * Makes a function the handler of a task type. The options hold for each task that is enqueued by what is
   * returned, and can be changed for one of them.
   */
  task<In = unknown, Out = unknown>(name: string, handler: Handler<In, Out>): Task<In, Awaited<Out>>;
  task<In = unknown, Out = unknown>(
    name: string,
    options: TaskTypeOptions<In>,
    handler: Handler<In, Out>,
  ): Task<In, Awaited<Out>>;
  task<In, Out>(
    name: string,
    options: TaskTypeOptions<In> | Handler<In, Out>,
    handler?: Handler<In, Out>,
  ): Task<In, Awaited<Out>> {
    if (this.tasks.has(name)) throw new InvalidArgumentError(`there is a task ${name} already`, { field: "name" });
    const [how, run] = typeof options === "function" ? [{}, options] : [options, handler];
    if (typeof run !== "function") throw new InvalidArgumentError(`task ${name} has no handler`, { field: "handler" });
    const made = new Task<In, Awaited<Out>>(this, name, run as Handler<In, Awaited<Out>>, how);
    this.tasks.set(name, made);
    return made;
  }

  /** Adds a pool, for tasks with the option `pool`. The pool "" is that of all other tasks. */
  pool(name: string, options: PoolOptions): this {
    this.pools.set(name, options);
    return this;
  }

  /** Surrounds every handler; the first one used is the outermost. */
  use(middleware: Middleware): this {
    if (typeof middleware !== "function")
      throw new InvalidArgumentError("a middleware must be a function", { field: "middleware" });
    this.middlewares.push(middleware);
    return this;
  }

  /** Runs tasks until SIGTERM, SIGINT or SIGHUP; see `Worker.run`. */
  work(options: WorkerOptions = {}): Promise<void> {
    return this.worker(options).run();
  }

  /** A worker that a program starts and stops by itself. */
  worker(options: WorkerOptions = {}): Worker {
    return new Worker(this, options);
  }
}
