"""Context: what surrounds one attempt at a task.

A handler gets it as a parameter that is annotated with `Context`, or from `current()`. It is valid
while the handler runs, for any thread.
"""

from __future__ import annotations

import asyncio
import contextvars
import datetime
import inspect
import logging
import time
from typing import Any, Awaitable, Callable, Optional, Type, TypeVar, Union, overload

from .cancel import CancelToken
from .convert import converter
from .errors import DecodingError, LeaseLostError, TreadleError
from .outcomes import Cancelled, Failure
from .payload import Payload
from .session import AttemptSession
from .task_info import parse_time
from .wire import Lease

T = TypeVar("T")

_current: contextvars.ContextVar[Context] = contextvars.ContextVar("treadle_context")


def current() -> Context:
    """The context of the attempt that runs here. Raises LookupError outside of handlers."""
    return _current.get()


def current_or_none() -> Context | None:
    """The same; None outside of handlers."""
    return _current.get(None)


class Context:
    """See the head of this file."""

    __slots__ = ("_lease", "token", "deadline", "_make_session", "_session", "__weakref__")

    def __init__(
        self,
        lease: Lease,
        token: CancelToken,
        deadline: float | None,
        make_session: Callable[[], AttemptSession],
    ) -> None:
        self._lease = lease
        self.token = token
        self.deadline = deadline
        """When the attempt is cut off, by time.monotonic(); None if nothing limits it."""
        self._make_session = make_session
        self._session: Optional[AttemptSession] = None

    # ---- the task ----

    @property
    def id(self) -> str:
        """Of the task, for example "1-42"."""
        return self._lease.id

    @property
    def type(self) -> str:
        return self._lease.type

    @property
    def queue(self) -> str:
        return self._lease.queue

    @property
    def attempt(self) -> int:
        """From 1, this one included."""
        return self._lease.attempt

    @property
    def max_attempts(self) -> int:
        return self._lease.max_attempts

    @property
    def payload(self) -> Payload:
        """The exact bytes that were enqueued; their SHA-256 was checked."""
        return self._lease.as_payload()

    @property
    def contract_version(self) -> int | None:
        """Of its type's contract that the payload fits."""
        return self._lease.contract_version

    @property
    def sensitive(self) -> bool:
        """What the task carries does not belong into logs."""
        return self._lease.sensitive

    @property
    def enqueued_at(self) -> datetime.datetime | None:
        return parse_time(self._lease.enqueued_at)

    @property
    def task_deadline(self) -> datetime.datetime | None:
        """When the task as a whole must have ended; None if it has no such time."""
        return parse_time(self._lease.deadline_at)

    @property
    def traceparent(self) -> str | None:
        """W3C Trace Context of the producer; None if it sent none."""
        return self._lease.traceparent

    # ---- its end ----

    def remaining(self) -> float | None:
        """Seconds until the attempt is cut off; None if nothing limits it."""
        return None if self.deadline is None else max(self.deadline - time.monotonic(), 0.0)

    @property
    def is_cancelled(self) -> bool:
        """True when the work is no longer wanted. Look often, and return soon."""
        return self.token.cause is not None

    @property
    def cancel_cause(self) -> str | None:
        """ "requested", "lease_lost", "timeout" or "shutdown"; None while it is not cancelled."""
        return self.token.cause

    def check(self) -> None:
        """Raises Cancelled if the work is no longer wanted."""
        self.token.check()

    def sleep(self, seconds: float) -> None:
        """Sleeps, and raises Cancelled as soon as the work is no longer wanted."""
        if self.token.wait(seconds):
            self.token.check()

    # ---- what outlives the attempt ----

    @property
    def session(self) -> AttemptSession:
        if self._session is None:
            self._session = self._make_session()
        return self._session

    @overload
    def step(self, name: str, run: Callable[[], T], result_type: Type[T]) -> T: ...

    @overload
    def step(self, name: str, run: Callable[[], T]) -> T: ...

    def step(self, name: str, run: Callable[[], T], result_type: Any = None) -> Any:
        """Runs `run` unless an attempt at this task has finished the step before, and returns its
        result: that of now, or the one that was kept. Durable before it returns.

        What `run` does happens at least once, and not again once its result is kept. A kept result
        is a value of JSON (or a Payload); with `result_type` it is made into that. What `run`
        raises passes through. Raises Failure "step_not_saved" if the result could not be kept.
        """
        kept = self.session.find_step(name)
        if kept is not None:
            return _as_type(kept[0], result_type, "step_invalid", name)
        result = run()
        self._save_step(name, result)
        return result

    async def astep(
        self, name: str, run: Callable[[], Union[T, Awaitable[T]]], result_type: Any = None
    ) -> T:
        """`step()` for coroutines; `run` may return an awaitable."""
        kept = self.session.find_step(name)
        if kept is not None:
            found: T = _as_type(kept[0], result_type, "step_invalid", name)
            return found
        made = run()
        result: T = await made if inspect.isawaitable(made) else made
        await _elsewhere(self._save_step, name, result)
        return result

    def _save_step(self, name: str, result: Any) -> None:
        try:
            self.session.save_step(name, result)
        except LeaseLostError:
            raise Cancelled("lease_lost") from None
        except TreadleError as error:
            retry = error.code not in ("INVALID_ARGUMENT", "RESOURCE_EXHAUSTED")
            raise Failure("step_not_saved", f"step {name}: {error.detail}", retry=retry) from error

    def checkpoint(self, result_type: Any = None, default: Any = None) -> Any:
        """What save_checkpoint() kept last, in this attempt or an earlier one; else `default`."""
        kept = self.session.find_checkpoint()
        if kept is None:
            return default
        return _as_type(kept[0], result_type, "checkpoint_invalid", "checkpoint")

    def save_checkpoint(self, value: Any) -> None:
        """Keeps how far the work is, in place of what was kept before; durable on return.

        Raises TreadleError if it could not be kept: more than 1 MiB together with the steps, a lost
        lease (then Cancelled), or a server that is away.
        """
        try:
            self.session.save_checkpoint(value)
        except LeaseLostError:
            raise Cancelled("lease_lost") from None

    async def asave_checkpoint(self, value: Any) -> None:
        """`save_checkpoint()` for coroutines."""
        await _elsewhere(self.save_checkpoint, value)

    def progress(self, fraction: float, message: str = "") -> None:
        """How far the work is, from 0 to 1, for whoever looks. May be called often."""
        self.session.tell_progress(fraction, message)

    def log(self, text: str) -> None:
        """Adds lines to what is kept of this attempt: `treadle task log ID`. 64 KiB count."""
        self.session.append_log(text)


class TaskLogHandler(logging.Handler):
    """Brings what a handler writes with `logging` to the log of its attempt."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        context = _current.get(None)
        if context is None:
            return
        try:
            context.log(self.format(record))
        except Exception:
            self.handleError(record)


def _as_type(value: Any, result_type: Any, code: str, name: str) -> Any:
    if result_type is None:
        return value
    convert = converter(result_type)
    try:
        return value if convert is None else convert(value, name)
    except DecodingError as error:
        raise Failure(code, error.detail, retry=False) from None


async def _elsewhere(call: Callable[..., None], *args: Any) -> None:
    await asyncio.get_running_loop().run_in_executor(None, call, *args)
