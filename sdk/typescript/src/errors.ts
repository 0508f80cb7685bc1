/**
 * What can go wrong, as typed errors.
 *
 * Every error of the server, or of the way to it, is a `TreadleError` with a stable `code` (the
 * canonical status names of the API). `field` is what is at fault, if that is known. `retryAfter` is
 * the time in milliseconds after which the same call may succeed, if the server names one.
 */

export interface ErrorDetails {
  field?: string | undefined;
  retryAfter?: number | undefined;
  httpStatus?: number | undefined;
  cause?: unknown;
}

/** The base of all errors of this package. The message is one sentence for a person. */
export class TreadleError extends Error {
  readonly code: string;
  readonly field: string | undefined;
  /** Milliseconds. */
  readonly retryAfter: number | undefined;
  /** The status of the answer; undefined if there was none. */
  readonly httpStatus: number | undefined;

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.field = details.field;
    this.retryAfter = details.retryAfter;
    this.httpStatus = details.httpStatus;
  }
}

/** The request is wrong, and would be wrong again; `field` names what is at fault. */
export class InvalidArgumentError extends TreadleError {
  constructor(message: string, details?: ErrorDetails) {
    super("INVALID_ARGUMENT", message, details);
  }
}

/** Nothing has that name or ID, or it is no longer kept. */
export class NotFoundError extends TreadleError {
  constructor(message: string, details?: ErrorDetails) {
    super("NOT_FOUND", message, details);
  }
}

/** Another request has the idempotency key. */
export class AlreadyExistsError extends TreadleError {
  constructor(message: string, details?: ErrorDetails) {
    super("ALREADY_EXISTS", message, details);
  }
}

/** The task or queue is not in a state for this. */
export class FailedPreconditionError extends TreadleError {
  constructor(message: string, details?: ErrorDetails) {
    super("FAILED_PRECONDITION", message, details);
  }
}

/** A limit of the server is reached; `retryAfter` says when to try again, if known. */
export class ResourceExhaustedError extends TreadleError {
  constructor(message: string, details?: ErrorDetails) {
    super("RESOURCE_EXHAUSTED", message, details);
  }
}

/** No server could be reached, or the answer was lost and the call could not be repeated. */
export class UnavailableError extends TreadleError {
  constructor(message: string, details?: ErrorDetails) {
    super("UNAVAILABLE", message, details);
  }
}

/** There was no answer in time, or the task has not ended by then. */
export class DeadlineExceededError extends TreadleError {
  constructor(message: string, details?: ErrorDetails) {
    super("DEADLINE_EXCEEDED", message, details);
  }
}

/** The server has a token, and the request lacks it. */
export class UnauthenticatedError extends TreadleError {
  constructor(message: string, details?: ErrorDetails) {
    super("UNAUTHENTICATED", message, details);
  }
}

/** The server refuses this host or origin. */
export class PermissionDeniedError extends TreadleError {
  constructor(message: string, details?: ErrorDetails) {
    super("PERMISSION_DENIED", message, details);
  }
}

/** A newer request of the same worker has taken the place of this one. */
export class AbortedError extends TreadleError {
  constructor(message: string, details?: ErrorDetails) {
    super("ABORTED", message, details);
  }
}

/** Another worker has the task, or it has ended: nothing that this attempt saves is kept. */
export class LeaseLostError extends TreadleError {
  constructor(message: string, details?: ErrorDetails) {
    super("LEASE_LOST", message, details);
  }
}

/** The answer is not one of a Treadle server. */
export class InternalError extends TreadleError {
  constructor(message: string, details?: ErrorDetails) {
    super("INTERNAL", message, details);
  }
}

/** The base of what `result()` throws: the task ended without a result. */
export class TaskError extends TreadleError {
  readonly taskId: string;
  readonly state: string;
  /** Of the task's last failure, or why it was cancelled. */
  readonly errorCode: string;
  readonly errorMessage: string;

  constructor(taskId: string, state: string, errorCode: string, errorMessage: string) {
    const why = errorCode === "" ? "" : `: ${errorCode}`;
    const message = errorMessage === "" ? "" : `, ${errorMessage}`;
    super("FAILED_PRECONDITION", `task ${taskId} is ${state}${why}${message}`);
    this.taskId = taskId;
    this.state = state;
    this.errorCode = errorCode;
    this.errorMessage = errorMessage;
  }
}

/** The task is dead: no attempt is left, or its failure allows none. */
export class TaskDeadError extends TaskError {
  constructor(taskId: string, errorCode: string, errorMessage: string) {
    super(taskId, "dead", errorCode, errorMessage);
  }
}

/** Someone cancelled the task, a handler discarded it, or its queue shed it. */
export class TaskCancelledError extends TaskError {
  constructor(taskId: string, errorCode: string, errorMessage: string) {
    super(taskId, "cancelled", errorCode, errorMessage);
  }
}

/** The task waited for too long and did not run. */
export class TaskExpiredError extends TaskError {
  constructor(taskId: string, errorCode: string, errorMessage: string) {
    super(taskId, "expired", errorCode, errorMessage);
  }
}

/** The error for the end of a task that is not `completed`. */
export function taskError(taskId: string, state: string, code: string, message: string): TaskError {
  if (state === "dead") return new TaskDeadError(taskId, code, message);
  if (state === "cancelled") return new TaskCancelledError(taskId, code, message);
  if (state === "expired") return new TaskExpiredError(taskId, code, message);
  return new TaskError(taskId, state, code, message);
}

const KINDS: Record<string, new (message: string, details?: ErrorDetails) => TreadleError> = {
  INVALID_ARGUMENT: InvalidArgumentError,
  NOT_FOUND: NotFoundError,
  ALREADY_EXISTS: AlreadyExistsError,
  FAILED_PRECONDITION: FailedPreconditionError,
  RESOURCE_EXHAUSTED: ResourceExhaustedError,
  UNAVAILABLE: UnavailableError,
  DEADLINE_EXCEEDED: DeadlineExceededError,
  UNAUTHENTICATED: UnauthenticatedError,
  PERMISSION_DENIED: PermissionDeniedError,
  ABORTED: AbortedError,
  LEASE_LOST: LeaseLostError,
  INTERNAL: InternalError,
};

const CODE_OF_STATUS: Record<number, string> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  405: "UNIMPLEMENTED",
  408: "UNAVAILABLE",
  409: "ABORTED",
  413: "INVALID_ARGUMENT",
  415: "INVALID_ARGUMENT",
  429: "RESOURCE_EXHAUSTED",
  501: "UNIMPLEMENTED",
  502: "UNAVAILABLE",
  503: "UNAVAILABLE",
  504: "UNAVAILABLE",
};

/** Sending the same again would get the same answer. */
const REFUSALS = new Set([
  "INVALID_ARGUMENT",
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
  "NOT_FOUND",
  "UNIMPLEMENTED",
  "FAILED_PRECONDITION",
  "OUT_OF_RANGE",
]);
const PASSING = new Set(["UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "UNKNOWN", "INTERNAL"]);

export const isRefusal = (code: string): boolean => REFUSALS.has(code);
/** The same request may be taken later. */
export const mayPass = (code: string): boolean => PASSING.has(code);

/** The error for a canonical code. */
export function errorOf(code: string, message: string, details: ErrorDetails = {}): TreadleError {
  const field = details.field ?? (code === "INVALID_ARGUMENT" ? fieldIn(message) : undefined);
  const kind = Object.hasOwn(KINDS, code) ? KINDS[code] : undefined;
  return kind ? new kind(message, { ...details, field }) : new TreadleError(code, message, { ...details, field });
}

/** The error for an answer of 400 or more. `problem` is its JSON, or undefined if it has none. */
export function errorOfAnswer(httpStatus: number, problem: unknown): TreadleError {
  let code = CODE_OF_STATUS[httpStatus] ?? (httpStatus >= 500 ? "INTERNAL" : "UNKNOWN");
  let message =
    `the server returned HTTP ${httpStatus} without a reason; ` +
    "check that the address is a Treadle server's, and any proxy in between";
  let retryAfter: number | undefined;
  if (typeof problem === "object" && problem !== null) {
    const fields = problem as { code?: unknown; detail?: unknown; retry_after_ms?: unknown };
    if (typeof fields.code === "string" && fields.code !== "" && fields.code !== "OK") code = fields.code;
    if (typeof fields.detail === "string" && fields.detail !== "") message = fields.detail;
    if (typeof fields.retry_after_ms === "number") retryAfter = fields.retry_after_ms;
  }
  return errorOf(code, message, { retryAfter, httpStatus });
}

// Messages of the server begin with the field: "tasks[3].priority must be …", "priority must be …".
const FIELD = /^([a-z][a-z0-9_]*(?:\[\d+\]|\.[A-Za-z0-9_]+)*) /;
const FIELDS = new Set(
  (
    "type queue payload payload_base64 content_type payload_sha256 priority contract_version max_attempts tags " +
    "expires_at expires_ms deadline_at deadline_ms attempt_timeout_ms retry run_at delay_ms idempotency_key " +
    "idempotency_window_ms on_duplicate unique_while sensitive limit cursor worker state tag key error_code " +
    "fingerprint text payload_text reason input_schema output_schema error_codes defaults steps checkpoint " +
    "progress log edit action rate tasks traceparent"
  ).split(" "),
);

function fieldIn(message: string): string | undefined {
  const path = FIELD.exec(message)?.[1];
  return path !== undefined && (/[.[]/.test(path) || FIELDS.has(path)) ? path : undefined;
}
