"""TaskHandle: a task that was enqueued, to wait for, look at and cancel."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Callable, Generic, TypeVar

from .errors import TaskCancelledError, TaskDeadError, TaskError, TaskExpiredError
from .task_info import Enqueued, TaskInfo

if TYPE_CHECKING:
    from .client import Client

R = TypeVar("R")
_ERRORS: dict[str, type[TaskError]] = {
    each.state: each for each in (TaskDeadError, TaskCancelledError, TaskExpiredError)
}


class TaskHandle(Generic[R]):
    """Of one task. Any thread."""

    def __init__(
        self, client: Client, enqueued: Enqueued, convert: Callable[[Any], R] | None = None
    ) -> None:
        self._client = client
        self._convert = convert
        self.enqueued = enqueued

    @property
    def id(self) -> str:
        """For example "1-42"."""
        return self.enqueued.id

    @property
    def duplicate(self) -> bool:
        """Whether the task was there already, by its idempotency key."""
        return self.enqueued.duplicate

    def result(self, timeout: float | None = None) -> R:
        """What the handler returned. Waits for at most `timeout` seconds; None: as long as it
        takes.

        Raises TaskDeadError, TaskCancelledError or TaskExpiredError if the task ends in another
        way, and DeadlineExceededError (a TimeoutError) if it has not ended in time.
        """
        task = self._client.wait(self.id, timeout)
        if task.state != "completed":
            raise _ERRORS[task.state](task.id, task.error_code, task.error_message)
        result: R = task.result if self._convert is None else self._convert(task.result)
        return result

    def wait(self, timeout: float | None = None) -> TaskInfo:
        """The task once it has ended, however that was. Raises DeadlineExceededError."""
        return self._client.wait(self.id, timeout)

    def info(self) -> TaskInfo:
        """The task as it is now."""
        return self._client.get(self.id)

    def cancel(self, reason: str = "") -> str:
        """Ends the task if it waits, asks its worker to stop it if it runs; the state."""
        return self._client.cancel(self.id, reason)

    def redrive(self) -> str:
        """Makes it ready again after it died, was cancelled or expired; the state."""
        return self._client.redrive(self.id)

    async def aresult(self, timeout: float | None = None) -> R:
        """`result()` for coroutines."""
        return await asyncio.get_running_loop().run_in_executor(None, self.result, timeout)

    def __repr__(self) -> str:
        return f"<TaskHandle {self.id}>"
