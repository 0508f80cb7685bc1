/**
 * Batcher: enqueues that come together go in one request.
 *
 * A task is sent at once if no request is under way. Otherwise it waits until one returns, but at most `lingerMs`,
 * and goes with all that have come by then. If a request is refused for what may be the fault of one task, its
 * halves are sent apart, until that task is alone; the others do not notice.
 */

import { ResourceExhaustedError, type TreadleError } from "./errors.js";
import type { Enqueued } from "./task_info.js";

export const BATCH_MAX = 1_000;
const REQUEST_CHARS = 4 << 20; // a quarter of what the server takes

/** A task as JSON. */
export interface EncodedTask {
  readonly json: string;
  readonly queue: string;
}

export type SendTasks = (tasks: readonly EncodedTask[]) => Promise<Enqueued[]>;

export interface BatcherOptions {
  /** Requests under way. With 1, tasks arrive in the order in which they were added. */
  readonly inFlightMax: number;
  /** How long a task waits for a request to return before it goes beside it. */
  readonly lingerMs: number;
  /** Beyond so many without an answer, add() refuses. */
  readonly tasksMax: number;
  readonly charsMax: number;
}

interface Pending {
  readonly task: EncodedTask;
  resolve(enqueued: Enqueued): void;
  reject(error: unknown): void;
}

export class Batcher {
  private waiting: Pending[] = [];
  private inFlight = 0;
  private tasks = 0; // without an answer
  private chars = 0;
  private linger: NodeJS.Timeout | undefined;
  private onRoom: (() => void)[] = [];

  constructor(
    private readonly send: SendTasks,
    private readonly options: BatcherOptions,
  ) {}

  /** Rejects with ResourceExhaustedError if too many have no answer yet. */
  add(task: EncodedTask): Promise<Enqueued> {
    if (!this.hasRoom(task.json.length)) {
      const what = `${this.tasks} tasks have no answer yet; await room() before more`;
      return Promise.reject(new ResourceExhaustedError(what));
    }
    ++this.tasks;
    this.chars += task.json.length;
    return new Promise<Enqueued>((resolve, reject) => {
      this.waiting.push({ task, resolve, reject });
      // Those that are added in the same turn of the event loop go together.
      if (this.waiting.length === 1) queueMicrotask(() => this.pump(this.inFlight === 0));
      else if (this.waiting.length === BATCH_MAX) this.pump(false);
    });
  }

  /** Resolves as soon as half of what may have no answer may be added. */
  async room(): Promise<void> {
    const { tasksMax, charsMax } = this.options;
    while (this.tasks > tasksMax / 2 || this.chars > charsMax / 2)
      await new Promise<void>((resolve) => this.onRoom.push(resolve));
  }

  /** Resolves once all tasks have their answers, also those that are added meanwhile. */
  async flush(): Promise<void> {
    while (this.tasks > 0) await new Promise<void>((resolve) => this.onRoom.push(resolve));
  }

  private hasRoom(chars: number): boolean {
    return this.tasks === 0 || (this.tasks < this.options.tasksMax && this.chars + chars <= this.options.charsMax);
  }

  private pump(isDue: boolean): void {
    while (this.waiting.length > 0 && this.inFlight < this.options.inFlightMax) {
      if (!isDue && this.inFlight > 0 && this.waiting.length < BATCH_MAX) return this.lingerOnce();
      isDue = false;
      void this.sendGroup(this.nextGroup());
    }
  }

  private lingerOnce(): void {
    this.linger ??= setTimeout(() => {
      this.linger = undefined;
      this.pump(true);
    }, this.options.lingerMs);
  }

  private nextGroup(): Pending[] {
    let count = 0;
    let chars = 0;
    while (count < this.waiting.length && count < BATCH_MAX && chars < REQUEST_CHARS)
      chars += (this.waiting[count++] as Pending).task.json.length;
    if (count === this.waiting.length) {
      const all = this.waiting;
      this.waiting = [];
      return all;
    }
    return this.waiting.splice(0, count);
  }

  private async sendGroup(group: Pending[]): Promise<void> {
    ++this.inFlight;
    await this.sendApart(group);
    --this.inFlight;
    this.tasks -= group.length;
    for (const each of group) this.chars -= each.task.json.length;
    this.pump(true);
    const waiting = this.onRoom;
    this.onRoom = [];
    for (const resolve of waiting) resolve();
  }

  private async sendApart(group: Pending[]): Promise<void> {
    try {
      const enqueued = await this.send(group.map((each) => each.task));
      group.forEach((each, i) => each.resolve(enqueued[i] as Enqueued));
    } catch (error) {
      const parts = partsToTry(group, error as TreadleError);
      if (parts.length === 1) for (const each of group) each.reject(error);
      else for (const part of parts) await this.sendApart(part);
    }
  }
}

const OF_ONE_TASK = new Set(["INVALID_ARGUMENT", "ALREADY_EXISTS", "FAILED_PRECONDITION"]);
const OF_ONE_QUEUE = new Set(["RESOURCE_EXHAUSTED", "NOT_FOUND"]);

function partsToTry(group: Pending[], error: TreadleError): Pending[][] {
  if (group.length > 1 && OF_ONE_TASK.has(error.code)) {
    const half = group.length >> 1;
    return [group.slice(0, half), group.slice(half)];
  }
  if (!OF_ONE_QUEUE.has(error.code)) return [group];
  const byQueue = new Map<string, Pending[]>();
  for (const each of group) {
    const others = byQueue.get(each.task.queue);
    if (others === undefined) byQueue.set(each.task.queue, [each]);
    else others.push(each);
  }
  return [...byQueue.values()];
}
