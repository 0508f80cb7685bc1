/** Treadle: durable tasks. Enqueue them here, run them in workers. */

export { Treadle, type AnyTask, type Middleware, type PoolOptions } from "./app.js";
export { Cancelled, type CancelCause } from "./cancel.js";
export { Client, type ClientOptions, type TaskFilter } from "./client.js";
export { Context, type TaskLog } from "./context.js";
export type { Contract, ContractError, JsonSchema } from "./contract.js";
export type { Duration } from "./duration.js";
export {
  AbortedError,
  AlreadyExistsError,
  DeadlineExceededError,
  FailedPreconditionError,
  InternalError,
  InvalidArgumentError,
  LeaseLostError,
  NotFoundError,
  PermissionDeniedError,
  ResourceExhaustedError,
  TaskCancelledError,
  TaskDeadError,
  TaskError,
  TaskExpiredError,
  TreadleError,
  UnauthenticatedError,
  UnavailableError,
} from "./errors.js";
export { TaskHandle, type Received, type WaitOptions } from "./handle.js";
export type { RetryOptions, TaskOptions } from "./options.js";
export { Discard, Failure, Outcome, Release, Snooze, type FailureOptions } from "./outcomes.js";
export { Payload } from "./payload.js";
export { Task, type Handler, type Input, type TaskTypeOptions } from "./task.js";
export type { Enqueued, TaskInfo, TaskPage, TaskState } from "./task_info.js";
export { Worker, type WorkerOptions } from "./worker/worker.js";
