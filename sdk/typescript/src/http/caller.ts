/**
 * Caller: calls that outlive the absence of their server, on connections that all share.
 *
 * A call that no server took is repeated, with growing pauses and at each server in turn, until its time is up. A
 * call that broke off after it was sent is repeated only if it says that this is harmless.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { DeadlineExceededError, UnavailableError, type TreadleError } from "../errors.js";
import type { Answer } from "./answer.js";
import { Backoff } from "./backoff.js";
import { Connection, type ConnectionOptions } from "./connection.js";

export interface CallerOptions extends ConnectionOptions {
  /** Calls beyond so many wait. */
  readonly connections: number;
}

export interface Call {
  method: string;
  target: string;
  body?: string | undefined;
  /** For all tries together. */
  timeoutMs: number;
  /** What the server was asked to wait; it comes on top. */
  waitMs?: number;
  repeatable?: boolean;
  /** Further errors after which the call is repeated. */
  alsoRepeat?: (error: TreadleError) => boolean;
  /** Ends the try that is under way, and the pauses between tries. */
  signal?: AbortSignal | undefined;
}

export class Caller {
  private idle: Connection[] = [];
  private open = 0;
  private waiting: ((connection: Connection | undefined) => void)[] = [];
  private isClosed = false;

  constructor(private readonly options: CallerOptions) {}

  async call(call: Call): Promise<Answer> {
    const deadline = performance.now() + call.timeoutMs + (call.waitMs ?? 0);
    const backoff = new Backoff();
    for (;;) {
      const failure = await this.tryOnce(call, deadline);
      if (!("code" in failure)) return failure;
      const pauseMs = Math.max(backoff.nextMs(), failure.retryAfter ?? 0);
      if (performance.now() + pauseMs >= deadline || call.signal?.aborted === true) throw failure;
      await sleep(pauseMs, undefined, { signal: call.signal }).catch(() => {
        throw failure;
      });
    }
  }

  /** Closes the connections that nobody uses; those in use are closed when they are given back. */
  close(): void {
    this.isClosed = true;
    for (const each of this.idle) each.close();
    this.idle = [];
  }

  /** The answer, or an error after which the call is to be repeated. */
  private async tryOnce(call: Call, deadline: number): Promise<Answer | TreadleError> {
    const connection = await this.borrow(deadline);
    const stop = (): void => connection.close();
    call.signal?.addEventListener("abort", stop, { once: true });
    try {
      return await connection.call(call.method, call.target, call.body, {
        timeoutMs: Math.max(deadline - performance.now(), 1),
        repeatable: call.repeatable ?? true,
      });
    } catch (error) {
      const failure = error as TreadleError;
      if (failure.code !== "UNAVAILABLE") {
        if (call.alsoRepeat?.(failure) === true) return failure;
        throw failure;
      }
      if (!connection.mayHaveArrived || (call.repeatable ?? true)) return failure;
      throw new UnavailableError(
        `${failure.message}; it is not known whether the request was taken ` +
          "(with an idempotency key it is sent again)",
      );
    } finally {
      call.signal?.removeEventListener("abort", stop);
      this.giveBack(connection);
    }
  }

  private async borrow(deadline: number): Promise<Connection> {
    const idle = this.idle.pop();
    if (idle !== undefined) return idle;
    if (this.open < this.options.connections) {
      ++this.open;
      return new Connection(this.options);
    }
    const found = await new Promise<Connection | undefined>((resolve) => {
      const timer = setTimeout(
        () => {
          this.waiting = this.waiting.filter((each) => each !== take);
          resolve(undefined);
        },
        Math.max(deadline - performance.now(), 1),
      );
      const take = (connection: Connection | undefined): void => {
        clearTimeout(timer);
        resolve(connection);
      };
      this.waiting.push(take);
    });
    if (found === undefined) throw new DeadlineExceededError("all connections were in use until the deadline");
    return found;
  }

  private giveBack(connection: Connection): void {
    const next = this.waiting.shift();
    if (next !== undefined) return next(connection);
    if (this.isClosed) {
      --this.open;
      connection.close();
    } else {
      this.idle.push(connection);
    }
  }
}
