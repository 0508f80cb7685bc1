/**
 * Keeper: a thread that renews leases while the event loop is busy.
 *
 * Exchanges renew leases, and the event loop makes exchanges. A handler that computes for long keeps the loop from
 * it. The loop therefore gives signs of life in shared memory, where the held tokens are, too. If the signs stop, the
 * thread renews what is held, with a call for each lease, until they come again. It stops renewing an attempt whose
 * time is up, because its handler cannot be told.
 */

import { Worker as Thread } from "node:worker_threads";
import type { ConnectionOptions } from "../http/connection.js";

const SLOTS = 2_000; // more than a server lets one worker hold
const TOKEN_BYTES = 48; // the longest token has 43
const BEATS = 12; // signs of life in the time of a lease
const LEASE_MS_DEFAULT = 30_000;
const NEVER = Number.MAX_VALUE;

/** What both threads see. Times are milliseconds since 1970. */
export interface Shared {
  /** [signs of life, shortest lease in ms, slots that were ever used] */
  readonly head: Int32Array;
  /** Until when the lease of a slot is to be renewed; 0: the slot is free. */
  readonly until: Float64Array;
  readonly tokens: Uint8Array;
}

export interface KeeperData {
  readonly shared: Shared;
  readonly connection: ConnectionOptions;
}

export class Keeper {
  private readonly shared: Shared;
  private readonly tokens: Buffer;
  private readonly free: number[] = [];
  private used = 0;
  private leaseMs = LEASE_MS_DEFAULT;
  private beat: NodeJS.Timeout;
  private thread: Thread | undefined;

  constructor(connection: ConnectionOptions) {
    const tokens = new Uint8Array(new SharedArrayBuffer(SLOTS * TOKEN_BYTES));
    const until = new Float64Array(new SharedArrayBuffer(SLOTS * Float64Array.BYTES_PER_ELEMENT));
    const head = new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT));
    this.shared = { head, until, tokens };
    this.tokens = Buffer.from(tokens.buffer);
    head[1] = this.leaseMs;
    this.beat = this.beatEvery();
    this.thread = this.startThread({ shared: this.shared, connection });
  }

  /** Keeps a lease; what letGo() takes, or -1 if there is no room. */
  hold(token: string, leaseMs: number): number {
    if (leaseMs > 0 && leaseMs < this.leaseMs) this.shorten(leaseMs);
    const slot = this.free.pop() ?? (this.used < SLOTS && token.length <= TOKEN_BYTES ? this.used++ : -1);
    if (slot < 0) return slot;
    this.tokens.fill(0, slot * TOKEN_BYTES, (slot + 1) * TOKEN_BYTES);
    this.tokens.write(token, slot * TOKEN_BYTES, "latin1");
    this.shared.until[slot] = NEVER;
    this.shared.head[2] = this.used;
    return slot;
  }

  /** Until when it is to be kept, by `performance.now()`. */
  limit(slot: number, until: number): void {
    if (slot >= 0 && until !== Infinity) this.shared.until[slot] = performance.timeOrigin + until;
  }

  letGo(slot: number): void {
    if (slot < 0) return;
    this.shared.until[slot] = 0;
    this.free.push(slot);
  }

  close(): void {
    clearInterval(this.beat);
    void this.thread?.terminate();
    this.thread = undefined;
  }

  private shorten(leaseMs: number): void {
    this.leaseMs = leaseMs;
    Atomics.store(this.shared.head, 1, leaseMs);
    Atomics.notify(this.shared.head, 1); // the thread may be waiting for a share of a much longer time
    clearInterval(this.beat);
    this.beat = this.beatEvery();
  }

  private beatEvery(): NodeJS.Timeout {
    const { head } = this.shared;
    return setInterval(() => Atomics.add(head, 0, 1), Math.max(this.leaseMs / BEATS, 20)).unref();
  }

  /** A program that was bundled into one file has no such thread, and goes without. */
  private startThread(workerData: KeeperData): Thread | undefined {
    try {
      const thread = new Thread(new URL("./keeper_thread.js", import.meta.url), { workerData });
      thread.on("error", () => (this.thread = undefined));
      thread.unref();
      return thread;
    } catch {
      return undefined;
    }
  }
}

/** The tokens that are to be renewed at `now`. */
export function tokensToRenew({ head, until, tokens }: Shared, now: number): string[] {
  const found: string[] = [];
  const bytes = Buffer.from(tokens.buffer);
  for (let slot = 0; slot < (head[2] ?? 0); ++slot) {
    if ((until[slot] ?? 0) <= now) continue;
    const token = bytes.toString("latin1", slot * TOKEN_BYTES, (slot + 1) * TOKEN_BYTES);
    found.push(token.replace(/\0+$/, ""));
  }
  return found;
}
