/**
 * Client: enqueues tasks, waits for their results, reads and steers them.
 *
 *     const client = new Client();
 *     const handle = await client.enqueue("hello", { name: "Ada" });
 *     console.log(await handle.result({ timeout: "30s" }));
 *
 * Make one and share it. Connections are made when needed, kept, and made again when they break; idle ones do not
 * keep the process alive. An enqueue without an idempotency key gets one that the server soon forgets, so that a
 * call whose answer was lost can be repeated and still adds one task.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { BATCH_MAX, Batcher, type EncodedTask } from "./batcher.js";
import { milliseconds, pointInTime, type Duration } from "./duration.js";
import { DeadlineExceededError, InternalError, InvalidArgumentError, taskError } from "./errors.js";
import { TaskHandle, type WaitOptions } from "./handle.js";
import { resolveServers, resolveToken, type Address } from "./http/address.js";
import type { Answer } from "./http/answer.js";
import { Caller, type Call } from "./http/caller.js";
import { resolveCa } from "./http/tls.js";
import { decode } from "./json/read.js";
import { encode, quote } from "./json/write.js";
import { KeyMaker } from "./keys.js";
import { encodeOptions, type TaskOptions } from "./options.js";
import { blobFields, BYTES_TYPE, Payload } from "./payload.js";
import {
  asFields,
  hasEnded,
  readEnqueued,
  readTaskInfo,
  readTime,
  type Enqueued,
  type TaskInfo,
  type TaskPage,
  type TaskState,
} from "./task_info.js";
import { ambientTraceparent } from "./traceparent.js";

export interface ClientOptions {
  /**
   * Addresses, or text with commas between them; each is tried in turn. Default: TREADLE_SERVER, else
   * http://127.0.0.1:7373.
   */
  server?: string | readonly string[] | undefined;
  /** Certificates (PEM) to trust for https in place of the system's. Default: the file that TREADLE_CA_FILE names. */
  caFile?: string | undefined;
  /** Default: the first line of the file that TREADLE_TOKEN_FILE names. */
  token?: string | undefined;
  /** Of a call with all its tries. Default: 30 s. */
  timeout?: Duration;
  /** Of each try. Default: 5 s. */
  connectTimeout?: Duration;
  /** 1 to 256; calls beyond them wait. Default: 32. */
  connections?: number;
  /** How long an enqueue waits for the request that is under way, to go with others. Default: 2 ms. */
  linger?: Duration;
  /** No keys of the client's own: an enqueue whose answer is lost then fails. Default: true. */
  keys?: boolean;
  /** Called when a task of enqueueNoWait() was not enqueued. Default: a warning of the process. */
  onLost?: (error: unknown, type: string) => void;
}

/** Which tasks to list; all that is given must match. */
export interface TaskFilter {
  queue?: string;
  type?: string;
  state?: TaskState;
  tag?: string;
  key?: string;
  worker?: string;
  errorCode?: string;
  fingerprint?: string;
  /** Words of the error's code and message. */
  text?: string;
  /** Words of the payload, in queues that search payloads. */
  payloadText?: string;
  enqueuedFrom?: Date;
  enqueuedTo?: Date;
  finishedFrom?: Date;
  finishedTo?: Date;
  /** Whether results are listed with their tasks. */
  results?: boolean;
  /** Tasks on a page, 1 to 1000. Default: 50. */
  limit?: number;
  /** The `nextCursor` of the previous page. */
  cursor?: string;
}

const WAIT_MS_MAX = 30_000; // of one call
const BETWEEN_LOOKS_MS = 100; // at a server that does not wait, though it was asked to
const STREAM_TASKS_MAX = 10_000;
const STREAM_CHARS_MAX = 16 << 20;

export class Client {
  readonly servers: readonly Address[];
  readonly token: string;
  /** The text of `caFile`. */
  readonly ca: string | undefined;
  private readonly timeoutMs: number;
  private readonly keys: KeyMaker | undefined;
  private readonly caller: Caller;
  private readonly shared: Batcher;
  private readonly stream: Batcher;
  private readonly onLost: (error: unknown, type: string) => void;

  /** Does not connect yet. Throws InvalidArgumentError. */
  constructor(options: ClientOptions = {}) {
    this.servers = resolveServers(options.server);
    this.ca = resolveCa(options.caFile, this.servers);
    this.token = resolveToken(options.token);
    this.timeoutMs = milliseconds(options.timeout ?? 30_000, "timeout");
    this.keys = options.keys === false ? undefined : new KeyMaker(this.timeoutMs);
    this.onLost = options.onLost ?? warnOfLost;
    this.caller = new Caller({
      servers: this.servers,
      token: this.token,
      ca: this.ca,
      connectTimeoutMs: milliseconds(options.connectTimeout ?? 5_000, "connectTimeout"),
      connections: checkedConnections(options.connections ?? 32),
    });
    const send = (tasks: readonly EncodedTask[]): Promise<Enqueued[]> => this.sendTasks(tasks);
    const bounds = { tasksMax: Infinity, charsMax: Infinity };
    const lingerMs = milliseconds(options.linger ?? 2, "linger");
    this.shared = new Batcher(send, { inFlightMax: 8, lingerMs, ...bounds });
    const streamBounds = { tasksMax: STREAM_TASKS_MAX, charsMax: STREAM_CHARS_MAX };
    this.stream = new Batcher(send, { inFlightMax: 1, lingerMs: 0, ...streamBounds });
  }

  // ---- enqueueing ----

  /**
   * Enqueues one task; once it resolves, the task is on the server's disk. `payload`: any JSON value, bytes, or a
   * Payload. Calls that are made together share a request.
   */
  async enqueue<Out = unknown>(type: string, payload?: unknown, options: TaskOptions = {}): Promise<TaskHandle<Out>> {
    return new TaskHandle<Out>(this, await this.shared.add(this.encodeTask(type, payload, options)));
  }

  /** Enqueues a task for each payload, up to 1,000 in a request. Each request takes all of its tasks or none. */
  async enqueueMany<Out = unknown>(
    type: string,
    payloads: Iterable<unknown>,
    options: TaskOptions = {},
  ): Promise<TaskHandle<Out>[]> {
    if (options.key !== undefined)
      throw new InvalidArgumentError("key is of one task; enqueue() each one with its own", { field: "key" });
    const tasks: EncodedTask[] = [];
    for (const each of payloads) tasks.push(this.encodeTask(type, each, options));
    const handles: TaskHandle<Out>[] = [];
    for (let i = 0; i < tasks.length; i += BATCH_MAX) {
      const enqueued = await this.sendTasks(tasks.slice(i, i + BATCH_MAX));
      for (const each of enqueued) handles.push(new TaskHandle<Out>(this, each));
    }
    return handles;
  }

  /**
   * Enqueues without waiting: tasks are sent in the order of the calls, many in a request. The promise need not be
   * awaited; it resolves once the task is on the server's disk. `onLost` hears of every task that is not enqueued.
   * While 10,000 tasks or 16 MiB of them have no answer, more are refused: `await client.room()` waits for half of that.
   * What is under way keeps the process alive, but `process.exit()` does not wait: `await client.flush()` first.
   */
  enqueueNoWait<Out = unknown>(type: string, payload?: unknown, options: TaskOptions = {}): Promise<TaskHandle<Out>> {
    const made = this.enqueueInOrder<Out>(type, payload, options);
    made.catch((error: unknown) => this.onLost(error, type));
    return made;
  }

  private async enqueueInOrder<Out>(type: string, payload: unknown, options: TaskOptions): Promise<TaskHandle<Out>> {
    return new TaskHandle<Out>(this, await this.stream.add(this.encodeTask(type, payload, options)));
  }

  /** Resolves once 5,000 more tasks, or 8 MiB of them, may be given to enqueueNoWait() without being refused. */
  room(): Promise<void> {
    return this.stream.room();
  }

  /** Resolves once all tasks of enqueueNoWait() have their answers. */
  flush(): Promise<void> {
    return this.stream.flush();
  }

  private encodeTask(type: string, payload: unknown, options: TaskOptions): EncodedTask {
    const blob = blobFields(payload, "payload");
    let json = `{"type":${quote(type, "type")}${blob === "" ? "" : ","}${blob}${encodeOptions(options)}`;
    if (this.keys !== undefined && !saysOfKeys(options)) json += this.keys.next();
    const ambient = options.traceparent === undefined ? ambientTraceparent() : undefined;
    if (ambient !== undefined) json += `,"traceparent":"${ambient}"`;
    return { json: json + "}", queue: options.queue ?? "default" };
  }

  /** All of the tasks, or none. Replaced in tests. */
  protected async sendTasks(tasks: readonly EncodedTask[]): Promise<Enqueued[]> {
    const isOne = tasks.length === 1;
    const texts = tasks.map((each) => each.json);
    const answer = await this.call({
      method: "POST",
      target: isOne ? "/v1/tasks" : "/v1/tasks/batch",
      body: isOne ? (texts[0] as string) : `{"tasks":[${texts.join(",")}]}`,
      repeatable: this.keys !== undefined || texts.every(hasKey),
    });
    const found = decodeAnswer(answer);
    if (isOne) return [readEnqueued(found)];
    const list = found["tasks"];
    if (!Array.isArray(list) || list.length !== tasks.length)
      throw new InternalError("the server's answer has another number of tasks than the request");
    return list.map(readEnqueued);
  }

  // ---- reading ----

  /** The task as it is now, or once it has ended within `wait` (at most 60 s). Throws NotFoundError. */
  async get(id: string, options: { wait?: Duration; signal?: AbortSignal | undefined } = {}): Promise<TaskInfo> {
    const waitMs = milliseconds(options.wait ?? 0, "wait");
    const query = waitMs > 0 ? `?wait=${waitMs}ms` : "";
    return readTaskInfo(await this.fetch("GET", `${pathOf(id)}${query}`, { waitMs, signal: options.signal }));
  }

  /** The task once it has ended. Throws DeadlineExceededError if that takes longer than `timeout`. */
  async wait(id: string, options: WaitOptions = {}): Promise<TaskInfo> {
    const limitMs = options.timeout === undefined ? Infinity : milliseconds(options.timeout, "timeout");
    const deadline = performance.now() + limitMs;
    for (;;) {
      options.signal?.throwIfAborted();
      const asked = performance.now();
      const wait = Math.max(Math.min(deadline - asked, WAIT_MS_MAX), 0);
      const task = await this.get(id, { wait, signal: options.signal }).catch((error: unknown) => {
        options.signal?.throwIfAborted();
        throw error;
      });
      if (hasEnded(task.state)) return task;
      if (performance.now() >= deadline) throw new DeadlineExceededError(`task ${id} is still ${task.state}`);
      const pauseMs = asked + BETWEEN_LOOKS_MS - performance.now();
      if (pauseMs > 0) await sleep(pauseMs);
    }
  }

  /**
   * The result of a task once it is completed: of JSON the value, else a Payload. Throws TaskDeadError,
   * TaskCancelledError or TaskExpiredError if it ends in another way, and DeadlineExceededError.
   */
  async result(id: string, options?: WaitOptions): Promise<unknown> {
    const task = await this.wait(id, options);
    if (task.state === "completed") return task.result;
    throw taskError(id, task.state, task.errorCode ?? "", task.errorMessage ?? "");
  }

  /** The exact bytes of a task's payload. */
  async payload(id: string): Promise<Payload> {
    const answer = await this.call({ method: "GET", target: `${pathOf(id)}/payload` });
    return new Payload(answer.body, answer.headers.get("content-type") ?? BYTES_TYPE);
  }

  /** What an attempt logged; of the last one if none is named. */
  async log(id: string, attempt?: number): Promise<string> {
    const query = attempt === undefined ? "" : `?attempt=${attempt}`;
    return (await this.call({ method: "GET", target: `${pathOf(id)}/log${query}` })).body.toString("utf8");
  }

  /** Every attempt at a task, oldest first, as `Attempt` of the API. */
  async attempts(id: string): Promise<readonly Record<string, unknown>[]> {
    return (await this.fetch("GET", `${pathOf(id)}/attempts`))["attempts"] as Record<string, unknown>[];
  }

  /** Why a task is not running, and what would change that, as `Explanation` of the API. */
  explain(id: string): Promise<Record<string, unknown>> {
    return this.fetch("GET", `${pathOf(id)}/explain`);
  }

  /** One page of the tasks that match, newest first. */
  async list(filter: TaskFilter = {}): Promise<TaskPage> {
    const found = await this.fetch("GET", `/v1/tasks?${queryOf(filter)}`);
    return {
      tasks: (found["tasks"] as unknown[]).map(readTaskInfo),
      nextCursor: found["next_cursor"] as string | undefined,
      asOf: readTime(found["as_of"]),
    };
  }

  /** All tasks that match, page by page. */
  async *listAll(filter: TaskFilter = {}): AsyncGenerator<TaskInfo, void> {
    let cursor = filter.cursor;
    do {
      const page = await this.list({ limit: 1000, ...filter, ...(cursor === undefined ? {} : { cursor }) });
      yield* page.tasks;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
  }

  /** What this server is. */
  info(): Promise<Record<string, unknown>> {
    return this.fetch("GET", "/v1/info");
  }

  // ---- steering ----

  /** Ends a task that waits at once, and asks the worker of one that runs to stop; the state. */
  cancel(id: string, reason?: string): Promise<TaskState> {
    return this.change(id, "cancel", reason === undefined ? "{}" : `{"reason":${quote(reason, "reason")}}`);
  }

  /** Makes a dead, cancelled or expired task ready again; the state. */
  redrive(id: string): Promise<TaskState> {
    return this.change(id, "redrive");
  }

  /** Does not let a task wait for its time or its backoff; the state. */
  runNow(id: string): Promise<TaskState> {
    return this.change(id, "run-now");
  }

  /** Takes the lease of a running task back, unspent; the state. */
  release(id: string): Promise<TaskState> {
    return this.change(id, "release", "{}", false); // repeated, it might end the next attempt, too
  }

  /** Removes a task that waits or has ended. */
  async delete(id: string): Promise<void> {
    await this.call({ method: "DELETE", target: pathOf(id) });
  }

  private async change(id: string, verb: string, body = "{}", repeatable = true): Promise<TaskState> {
    return (await this.fetch("POST", `${pathOf(id)}/${verb}`, { body, repeatable }))["state"] as TaskState;
  }

  /** Registers a version of a type's contract; `contract` is `ContractChange` of the API. */
  async putContract(type: string, version: number, contract: Record<string, unknown>): Promise<void> {
    const target = `/v1/types/${encodeURIComponent(type)}/contracts/${version}`;
    await this.call({ method: "PUT", target, body: encode(contract, "contract") });
  }

  /** Sends what enqueueNoWait() took, and closes the connections. */
  async close(): Promise<void> {
    await this.flush();
    this.caller.close();
  }

  // ---- calls ----

  private call(call: Omit<Call, "timeoutMs">): Promise<Answer> {
    return this.caller.call({ timeoutMs: this.timeoutMs, ...call });
  }

  private async fetch(
    method: string,
    target: string,
    more: Omit<Call, "timeoutMs" | "method" | "target"> = {},
  ): Promise<Record<string, unknown>> {
    return decodeAnswer(await this.call({ method, target, ...more }));
  }
}

function decodeAnswer(answer: Answer): Record<string, unknown> {
  try {
    return asFields(decode(answer.body.toString("utf8")));
  } catch (error) {
    throw new InternalError(`cannot read the server's answer: ${(error as Error).message}`);
  }
}

function pathOf(id: string): string {
  if (typeof id !== "string" || id === "")
    throw new InvalidArgumentError("id must be the ID of a task", { field: "id" });
  return `/v1/tasks/${encodeURIComponent(id)}`;
}

const WIRE_NAMES: Record<string, string> = {
  errorCode: "error_code",
  payloadText: "payload_text",
  enqueuedFrom: "enqueued_from",
  enqueuedTo: "enqueued_to",
  finishedFrom: "finished_from",
  finishedTo: "finished_to",
};

function queryOf(filter: TaskFilter): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter) as [string, unknown][]) {
    if (value === undefined) continue;
    query.set(WIRE_NAMES[name] ?? name, value instanceof Date ? pointInTime(value, name) : String(value));
  }
  return query.toString();
}

function checkedConnections(connections: number): number {
  if (!Number.isInteger(connections) || connections < 1 || connections > 256)
    throw new InvalidArgumentError("connections must be from 1 to 256", { field: "connections" });
  return connections;
}

/** What the caller says of keys is not to be mixed with a key of the client's own. */
function saysOfKeys(options: TaskOptions): boolean {
  const { key, keyWindow, uniqueWhile, onDuplicate } = options;
  return (key ?? keyWindow ?? uniqueWhile ?? onDuplicate) !== undefined;
}

/** Whether the task itself has one: its payload may have a field of that name. */
function hasKey(task: string): boolean {
  return task.includes('"idempotency_key":') && "idempotency_key" in (JSON.parse(task) as object);
}

function warnOfLost(error: unknown, type: string): void {
  process.emitWarning(`a task of type ${type} was not enqueued: ${String(error)}`, "TreadleWarning");
}
