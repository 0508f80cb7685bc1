/** TaskHandle: a task that was enqueued, to wait for, look at, cancel and redrive. */

import type { Client } from "./client.js";
import type { Duration } from "./duration.js";
import type { Enqueued, TaskInfo, TaskState } from "./task_info.js";
import type { Payload } from "./payload.js";

/** What a value has become on its way through JSON: a Date is text, undefined is null, bytes are a Payload. */
export type Received<T> = T extends undefined | void
  ? null
  : T extends Uint8Array | Payload
    ? Payload
    : T extends Date
      ? string
      : T extends { toJSON(): infer Json }
        ? Received<Json>
        : T extends string | number | boolean | bigint | null
          ? T
          : T extends readonly (infer Item)[]
            ? Received<Item>[]
            : T extends object
              ? {
                  [Name in keyof T]: T[Name] extends infer Value
                    ? Value extends undefined
                      ? undefined
                      : Received<Value>
                    : never;
                }
              : T;

export interface WaitOptions {
  /** Default: as long as it takes. */
  timeout?: Duration | undefined;
  signal?: AbortSignal | undefined;
}

/** `Out` is what the handler returns. */
export class TaskHandle<Out = unknown> {
  constructor(
    private readonly client: Client,
    readonly enqueued: Enqueued,
  ) {}

  /** For example "1-42". */
  get id(): string {
    return this.enqueued.id;
  }

  /** Whether the task was there already, by its idempotency key. */
  get duplicate(): boolean {
    return this.enqueued.duplicate;
  }

  /**
   * What the handler returned. Throws TaskDeadError, TaskCancelledError or TaskExpiredError if the task ends in
   * another way, and DeadlineExceededError if it has not ended in time.
   */
  async result(options?: WaitOptions): Promise<Received<Out>> {
    return (await this.client.result(this.id, options)) as Received<Out>;
  }

  /** The task once it has ended, however that was. Throws DeadlineExceededError. */
  wait(options?: WaitOptions): Promise<TaskInfo> {
    return this.client.wait(this.id, options);
  }

  /** The task as it is now. */
  info(): Promise<TaskInfo> {
    return this.client.get(this.id);
  }

  /** Ends the task if it waits, asks its worker to stop it if it runs; the state. */
  cancel(reason?: string): Promise<TaskState> {
    return this.client.cancel(this.id, reason);
  }

  /** Makes it ready again after it died, was cancelled or expired; the state. */
  redrive(): Promise<TaskState> {
    return this.client.redrive(this.id);
  }
}
