/** What a handler throws to say how its attempt ends. */

import type { Duration } from "./duration.js";
import { mustBe, mustBeText } from "./must_be.js";

/** The base of these. */
export abstract class Outcome extends Error {}

export interface FailureOptions {
  /** False: the task is dead at once. Default: true. */
  retry?: boolean;
  /** The wait before the next attempt, instead of that of the retry policy. */
  retryAfter?: Duration;
}

/**
 * The attempt has failed. `code`: short and stable, for programs, at most 64 bytes; `message`: for people. Like the
 * others, it throws a TypeError for arguments of other types.
 */
export class Failure extends Outcome {
  readonly retry: boolean;
  readonly retryAfter: Duration | undefined;

  constructor(
    readonly code: string,
    message = "",
    options: FailureOptions = {},
  ) {
    mustBeText(code, "code");
    mustBeText(message, "message");
    mustBe(typeof options === "object" && options !== null, options, "options", "an object");
    const { retry = true, retryAfter } = options;
    mustBe(typeof retry === "boolean", retry, "retry", "true or false");
    if (retryAfter !== undefined) mustBeDuration(retryAfter, "retryAfter");
    super(message);
    this.name = "Failure";
    this.retry = retry;
    this.retryAfter = retryAfter;
  }
}

/** Not before `delay` has passed: the task is scheduled again, and no attempt is spent. */
export class Snooze extends Outcome {
  constructor(readonly delay: Duration) {
    mustBeDuration(delay, "delay");
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
    mustBeText(reason, "reason");
    mustBeText(code, "code");
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

function mustBeDuration(value: unknown, name: string): void {
  const isOne = typeof value === "number" || typeof value === "string";
  mustBe(isOne, value, name, 'milliseconds or text such as "30s"');
}
