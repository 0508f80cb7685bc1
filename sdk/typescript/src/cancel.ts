/** Why an attempt is cancelled, and how its handler hears of it. */

/**
 * - `requested`: someone asked for the end of the task. It is cancelled, unless the handler completes it.
 * - `lease_lost`: another worker has the task, or it has ended. Nobody hears what the handler returns.
 * - `timeout`: the attempt's time is up. It has failed.
 * - `shutdown`: the worker stops, and its grace is over. The task is returned unspent.
 */
export type CancelCause = "requested" | "lease_lost" | "timeout" | "shutdown";

const WORDS: Record<CancelCause, string> = {
  requested: "someone asked for the end of the task",
  lease_lost: "the lease of the task is lost",
  timeout: "the attempt's time is up",
  shutdown: "the worker stops",
};

/** The reason of a context's signal, and what its methods throw when the work is no longer wanted. */
export class Cancelled extends Error {
  constructor(readonly why: CancelCause) {
    super(`cancelled: ${WORDS[why]}`);
    this.name = "Cancelled";
  }
}

/** The first cause counts. A signal is made only if someone asks for it. */
export class CancelToken {
  private causeOf: CancelCause | undefined;
  private controller: AbortController | undefined;

  get cause(): CancelCause | undefined {
    return this.causeOf;
  }

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.causeOf !== undefined) this.controller.abort(new Cancelled(this.causeOf));
    }
    return this.controller.signal;
  }

  /** False if it was cancelled before. */
  cancel(cause: CancelCause): boolean {
    if (this.causeOf !== undefined) return false;
    this.causeOf = cause;
    this.controller?.abort(new Cancelled(cause));
    return true;
  }

  check(): void {
    if (this.causeOf !== undefined) throw new Cancelled(this.causeOf);
  }
}
