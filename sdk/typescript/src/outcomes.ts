/** What a handler throws to say how its attempt ends. */

import type { Duration } from "./duration.js";

/** The base of these. */
export abstract class Outcome extends Error {}

export interface FailureOptions {
  /** False: the task is dead at once. Default: true. */
  retry?: boolean;
  /** The wait before the next attempt, instead of that of the retry policy. */
  retryAfter?: Duration;
}

/** The attempt has failed. `code`: short and stable, for programs, at most 64 bytes; `message`: for people. */
export class Failure extends Outcome {
  readonly retry: boolean;
  readonly retryAfter: Duration | undefined;

  constructor(
    readonly code: string,
    message = "",
    options: FailureOptions = {},
  ) {
    super(message);
    this.name = "Failure";
    this.retry = options.retry ?? true;
    this.retryAfter = options.retryAfter;
  }
}

/** Not before `delay` has passed: the task is scheduled again, and no attempt is spent. */
export class Snooze extends Outcome {
  constructor(readonly delay: Duration) {
    super("the task is to run later");
    this.name = "Snooze";
  }
}

/** There is nothing to do any more: the task is cancelled, and `reason` is kept with it. */
export class Discard extends Outcome {
  constructor(
    reason = "",
    readonly code = "discarded",
  ) {
    super(reason);
    this.name = "Discard";
  }
}

/** Not now, or not here: the task is ready again at once, and no attempt is spent. */
export class Release extends Outcome {
  constructor() {
    super("the task goes back");
    this.name = "Release";
  }
}
