/** Task: a task type with its handler, and the calls that enqueue tasks of that type. */

import type { Treadle } from "./app.js";
import type { Context } from "./context.js";
import type { Contract } from "./contract.js";
import { milliseconds, type Duration } from "./duration.js";
import { TaskHandle } from "./handle.js";
import { withDefaults, type TaskOptions } from "./options.js";

/** What runs a task. It gets the payload: of JSON the value, else a Payload. Its result is the task's. */
export type Handler<In, Out> = (payload: In, context: Context) => Out | Promise<Out>;

/** Makes a payload into what the handler takes, or throws: the task is then dead at once, `payload_invalid`. */
export type Input<In> = ((value: unknown) => In) | { parse(value: unknown): In };

/** How the tasks of a type are run, and the options of each one that is enqueued through it. */
export interface TaskTypeOptions<In = unknown> extends TaskOptions {
  /** Of `app.pool()`. Default: the pool without a name. */
  pool?: string | undefined;
  /** An attempt that takes longer is cancelled, and has failed. Default: as long as it takes. */
  timeout?: Duration | undefined;
  /** Classes of errors after which the task is dead at once. */
  neverRetry?: readonly (abstract new (...args: never[]) => unknown)[] | undefined;
  /** Registered with the server when a worker starts. */
  contracts?: readonly Contract[] | undefined;
  /** Checks payloads, for example a schema of Zod. Default: they are handed on as they are. */
  input?: Input<In> | undefined;
}

/** The payload may be left out if `undefined` is one. */
export type Arguments<In, Rest extends unknown[]> = undefined extends In
  ? [payload?: In, ...rest: Rest]
  : [payload: In, ...rest: Rest];

export class Task<In, Out> {
  readonly pool: string;
  readonly timeoutMs: number | undefined;
  readonly neverRetry: readonly (abstract new (...args: never[]) => unknown)[];
  readonly contracts: readonly Contract[];
  readonly parse: ((value: unknown) => In) | undefined;
  private readonly options: TaskOptions;

  constructor(
    private readonly app: Treadle,
    readonly name: string,
    readonly handler: Handler<In, Out>,
    options: TaskTypeOptions<In>,
  ) {
    const { pool, timeout, neverRetry, contracts, input, ...rest } = options;
    this.pool = pool ?? "";
    this.timeoutMs = timeout === undefined ? undefined : Math.max(milliseconds(timeout, "timeout"), 1);
    this.neverRetry = neverRetry ?? [];
    this.contracts = contracts ?? [];
    this.parse = typeof input === "function" || input === undefined ? input : (value) => input.parse(value);
    this.options = rest;
  }

  /** Enqueues one task; once it resolves, the task is on the server's disk. */
  enqueue(...[payload, options]: Arguments<In, [options?: TaskOptions]>): Promise<TaskHandle<Out>> {
    return this.app.client.enqueue<Out>(this.name, payload, withDefaults(options, this.options));
  }

  /** Enqueues a task for each payload, up to 1,000 in a request. Each request takes all of its tasks or none. */
  enqueueMany(payloads: Iterable<In>, options?: TaskOptions): Promise<TaskHandle<Out>[]> {
    return this.app.client.enqueueMany<Out>(this.name, payloads, withDefaults(options, this.options));
  }

  /** Enqueues without waiting; see `Client.enqueueNoWait`. */
  enqueueNoWait(...[payload, options]: Arguments<In, [options?: TaskOptions]>): Promise<TaskHandle<Out>> {
    return this.app.client.enqueueNoWait<Out>(this.name, payload, withDefaults(options, this.options));
  }

  /** A handle of a task that was enqueued before. */
  handle(id: string): TaskHandle<Out> {
    return new TaskHandle<Out>(this.app.client, { id, duplicate: false });
  }
}
