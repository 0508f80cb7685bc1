/** Idempotency keys that nobody else makes, and that the server soon forgets. */

import { randomBytes } from "node:crypto";

const WINDOW_MS_MIN = 60_000;

export class KeyMaker {
  private readonly prefix = `,"idempotency_key":"treadle-ts-${randomBytes(12).toString("hex")}-`;
  private readonly suffix: string;
  private number = 0;

  /** `timeoutMs`: of a call with all its tries. */
  constructor(timeoutMs: number) {
    this.suffix = `","idempotency_window_ms":${Math.max(2 * timeoutMs, WINDOW_MS_MIN)}`;
  }

  /** The fields of one more task, with a comma before them. */
  next(): string {
    return this.prefix + String(++this.number) + this.suffix;
  }
}
