"""Treadle: durable tasks. Enqueue them here, run them in workers. See README.md.

To read the package, top down:

    app.py         an application: tasks, pools, middleware
    task.py        a function that can be enqueued; binding.py, convert.py: its arguments
    client.py      enqueues, waits, reads and steers; handle.py, options.py, stream.py
    caller.py      calls that outlive the server's absence, on connection.py
    context.py     what surrounds an attempt; session.py, cancel.py, outcomes.py
    worker/        leases tasks, runs handlers, reports back
    wire.py        exchanges, leases and reports as JSON; exact_json.py, payload.py
    testing.py     tasks in memory, with a clock that the test drives
    cli.py         treadle-worker; program.py: `treadle`, where no program came with the package
"""

from .app import Middleware, Pool, Treadle, WorkerSettings
from .cancel import CancelToken
from .client import Client
from .context import Context, current
from .contract import Contract
from .errors import (
    AbortedError,
    AlreadyExistsError,
    DeadlineExceededError,
    DecodingError,
    EncodingError,
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
)
from .handle import TaskHandle
from .options import Retry, TaskOptions
from .outcomes import Cancelled, Discard, Failure, Release, Snooze
from .payload import Payload
from .task import AsyncTask, Task
from .task_info import Enqueued, TaskInfo, TaskPage

__version__ = "0.4.0"

__all__ = [
    "AbortedError",
    "AlreadyExistsError",
    "AsyncTask",
    "CancelToken",
    "Cancelled",
    "Client",
    "Context",
    "Contract",
    "DeadlineExceededError",
    "DecodingError",
    "Discard",
    "EncodingError",
    "Enqueued",
    "FailedPreconditionError",
    "Failure",
    "InternalError",
    "InvalidArgumentError",
    "LeaseLostError",
    "Middleware",
    "NotFoundError",
    "Payload",
    "PermissionDeniedError",
    "Pool",
    "Release",
    "ResourceExhaustedError",
    "Retry",
    "Snooze",
    "Task",
    "TaskCancelledError",
    "TaskDeadError",
    "TaskError",
    "TaskExpiredError",
    "TaskHandle",
    "TaskInfo",
    "TaskOptions",
    "TaskPage",
    "Treadle",
    "TreadleError",
    "UnauthenticatedError",
    "UnavailableError",
    "WorkerSettings",
    "current",
]
