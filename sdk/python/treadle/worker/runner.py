"""Runner: runs one attempt and says how it ended. Threads, child processes, event loops and tests
share it.

Nothing that a handler raises leaves it. Every value that the server would refuse becomes a failure
with its reason here, so a report is always one that can be taken. Code of the handler's own may
still run after its end: an exception's `__str__`, or a result that is made as it is read. What that
raises fails the attempt as well.
"""

from __future__ import annotations

import asyncio
import datetime
import functools
import inspect
import time
import traceback
from types import TracebackType
from typing import Any, Awaitable, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence

from .. import wire
from ..cancel import TIMEOUT, CancelToken
from ..context import Context, _current
from ..errors import DecodingError, EncodingError, TreadleError
from ..exact_json import text_of
from ..options import Duration, milliseconds
from ..outcomes import Cancelled, Discard, Failure, Outcome, Release, Snooze
from ..session import AttemptSession, Sender
from ..task import Task
from ..wire import Lease
from .report import Ending, Report

Middlewares = Sequence[Callable[..., Any]]


class _End(NamedTuple):
    """How an attempt ended, before it is written."""

    outcome: str
    result: Any = None
    code: str = ""
    message: str = ""
    retry: bool = True
    delay_ms: Optional[int] = None


_RELEASED = _End("released")
_WAIT_MS_MAX = 3650 * 86_400_000


class Runner:
    """Of all handlers of a pool. Any thread.

    `sender` brings to the server what attempts save; `with_endings`: reports carry what a line for
    people needs; `spawn`, of `arun`, runs a call that may block outside of the event loop.
    """

    def __init__(
        self,
        tasks: Mapping[str, Task[Any, Any]],
        middlewares: Middlewares,
        sender: Sender,
        *,
        with_endings: bool = True,
    ) -> None:
        self._tasks = dict(tasks)
        self._sender = sender
        self._with_endings = with_endings
        around = [each for each in middlewares if not inspect.iscoroutinefunction(each)]
        around_coroutines = [each for each in middlewares if inspect.iscoroutinefunction(each)]
        self._calls: Dict[str, Callable[..., Any]] = {}
        for name, task in self._tasks.items():
            if task.is_coroutine:
                self._calls[name] = _surrounded(task.function, around_coroutines)
            else:
                self._calls[name] = _surrounded(task.function, around)

    def run(
        self, lease: Lease, cancelled: CancelToken, deadline: float | None = None, limit: float = 0
    ) -> Report:
        """Runs a function in this thread. `limit`: of the attempt, for the message of a timeout.
        Does not raise."""
        begun = time.monotonic()
        context = Context(lease, cancelled, deadline, lambda: AttemptSession(lease, self._sender))
        reset = _current.set(context)
        try:
            end = self._call(lease, context)
            return self._report(lease, context, end, begun, limit)
        except BaseException as error:
            return self._report(lease, context, _unreportable(error), begun, limit)
        finally:
            _current.reset(reset)

    async def arun(
        self,
        lease: Lease,
        cancelled: CancelToken,
        deadline: float | None = None,
        limit: float = 0,
        spawn: Callable[[Callable[[], None]], Any] | None = None,
    ) -> Report:
        """Runs a coroutine function in this task of the event loop. Does not raise."""
        begun = time.monotonic()
        context = Context(
            lease, cancelled, deadline, lambda: AttemptSession(lease, self._sender, spawn)
        )
        _current.set(context)  # the event loop's task has a copy of its own
        try:
            end = await self._acall(lease, context)
        except BaseException as error:
            end = _unreportable(error)
        session = context._session
        if session is not None and session.is_sending:  # or the loop would wait for the server
            try:
                await asyncio.get_running_loop().run_in_executor(None, session.settle)
            except asyncio.CancelledError:
                pass  # it came too late for the handler
        try:
            return self._report(lease, context, end, begun, limit)
        except BaseException as error:
            return self._report(lease, context, _unreportable(error), begun, limit)

    # ---- the call ----

    def _bind(
        self, lease: Lease, context: Context
    ) -> _End | tuple[Task[Any, Any], Sequence[Any], Mapping[str, Any]]:
        """The task and what to call it with, or why it cannot be called."""
        task = self._tasks.get(lease.type)
        if task is None or lease.is_damaged:
            return _not_runnable(lease)
        takes_text = task.binding.whole == "payload" and not (lease.steps or lease.checkpoint)
        if lease.unreadable and not takes_text:
            message = f"the payload, a step or the checkpoint cannot be read: {lease.unreadable}"
            return _End("failed", code="payload_invalid", message=message, retry=False)
        try:
            args, kwargs = task.binding.arguments(lease)
        except DecodingError as error:
            return _End("failed", code="payload_invalid", message=error.detail, retry=False)
        except BaseException as error:  # of a type's own conversion
            return _failure(error, task, context)
        if task.binding.context_name is not None:
            kwargs = {**kwargs, task.binding.context_name: context}
        return task, args, kwargs

    def _call(self, lease: Lease, context: Context) -> _End:
        bound = self._bind(lease, context)
        if isinstance(bound, _End):
            return bound
        task, args, kwargs = bound
        try:
            return _End("completed", self._calls[lease.type](context, args, kwargs))
        except BaseException as error:
            return _end_of_raised(error, task, context)

    async def _acall(self, lease: Lease, context: Context) -> _End:
        bound = self._bind(lease, context)
        if isinstance(bound, _End):
            return bound
        task, args, kwargs = bound
        try:
            made: Awaitable[Any] = self._calls[lease.type](context, args, kwargs)
            return _End("completed", await made)
        except BaseException as error:
            return _end_of_raised(error, task, context)

    # ---- the report ----

    def _report(
        self, lease: Lease, context: Context, end: _End, begun: float, limit: float
    ) -> Report:
        if end.outcome != "completed" and context.token.cause is not None:
            end = _after_the_cut(end, context.token.cause, limit)
        json = ""
        if end.outcome == "completed":
            try:
                json = wire.completed(lease.token, end.result)
            except MemoryError:
                raise
            except Exception as error:
                end = _wrong_result(error)
        json = json or _json(lease.token, end)
        log = context._session.take_log() if context._session is not None else None
        if log is not None:
            json = wire.with_log(json, *log)
        if not self._with_endings:
            return Report(lease.token, json)
        seconds = time.monotonic() - begun
        return Report(lease.token, json, lambda: _ending(lease, end, seconds))


def _surrounded(function: Callable[..., Any], around: Middlewares) -> Callable[..., Any]:
    """`call(context, args, kwargs)` that goes through all of `around`, the first one outermost."""

    def call(context: Context, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        return function(*args, **kwargs)

    for each in reversed(around):
        call = _within(each, call)
    return call


def _within(outer: Callable[..., Any], inner: Callable[..., Any]) -> Callable[..., Any]:
    def call(context: Context, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        return outer(context, functools.partial(inner, context, args, kwargs))

    return call


def _not_runnable(lease: Lease) -> _End:
    if not lease.is_damaged:
        return _RELEASED
    message = "the payload that arrived does not have its SHA-256"
    return _End("failed", code="payload_damaged", message=message)


def _unreportable(error: BaseException) -> _End:
    """The end of an attempt whose own end could not be put into a report. Another try may do
    better."""
    return _End("failed", code="report_invalid", message=f"{_name_of(error)}: {text_of(error)}")


def stand_in(lease: Lease, error: BaseException) -> Report:
    """For the report of an attempt that ended without one."""
    end = _unreportable(error)
    return Report(lease.token, wire.failed(lease.token, end.code, end.message, retry=True))


def _name_of(error: BaseException) -> str:
    """Of its class, whatever that makes of its name."""
    return str.__str__(type.__dict__["__name__"].__get__(type(error)))


def _end_of_raised(error: BaseException, task: Task[Any, Any], context: Context) -> _End:
    if isinstance(error, Outcome):
        try:
            return _end_of(error)
        except Exception as wrong:  # its fields are not what they should be
            error = wrong
    return _failure(error, task, context)


def _end_of(outcome: Outcome) -> _End:
    try:
        if isinstance(outcome, Failure):
            after = outcome.retry_after
            delay_ms = None
            if after is not None:
                delay_ms = min(_wait_ms(after, "retry_after"), _WAIT_MS_MAX)
            return _End(
                "failed",
                code=_text(outcome.code, "code"),
                message=_text(outcome.message, "message"),
                retry=bool(outcome.retry),
                delay_ms=delay_ms,
            )
        if isinstance(outcome, Snooze):
            return _snoozed(_wait_ms(outcome.delay, "delay"))
    except TreadleError as error:
        return _End("failed", code="delay_invalid", message=error.detail)
    if isinstance(outcome, Discard):
        code, reason = _text(outcome.code, "code"), _text(outcome.reason, "reason")
        return _End("discarded", code=code, message=reason)
    if isinstance(outcome, (Release, Cancelled)):
        return _RELEASED
    return _End("failed", code=_name_of(outcome), message=text_of(outcome))


def _text(value: Any, field: str) -> str:
    """Without what a class of its own makes of text."""
    if not isinstance(value, str):
        raise TypeError(f"{field} must be text, not {type(value).__name__}")
    return str.__str__(value)


def _wait_ms(value: Duration, field: str) -> int:
    """What lies in the past is now."""
    now: Duration = datetime.timedelta(0) if isinstance(value, datetime.timedelta) else 0
    return milliseconds(max(value, now), field)


def _snoozed(delay_ms: int) -> _End:
    if delay_ms <= _WAIT_MS_MAX:
        return _End("snoozed", delay_ms=delay_ms)
    message = f"the task was snoozed for {delay_ms} ms; the longest time is 3650 days"
    return _End("failed", code="snooze_invalid", message=message)


def _failure(error: BaseException, task: Task[Any, Any], context: Context) -> _End:
    """The exception's class is the error code; the traceback goes to the attempt's log."""
    if context.token.cause is None or not isinstance(error, asyncio.CancelledError):
        context.log(_traceback(error))
    retry = not isinstance(error, task.never_retry)
    return _End("failed", code=_name_of(error), message=text_of(error), retry=retry)


def _traceback(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(type(error), error, _own_part(error)))
    except Exception:
        return f"{_name_of(error)}: {text_of(error)}"


def _own_part(error: BaseException) -> Optional[TracebackType]:
    """The traceback without the frames of this package that lead to the handler."""
    part = error.__traceback__
    package = __name__.partition(".")[0]
    while (
        part is not None
        and part.tb_frame.f_globals.get("__name__", "").partition(".")[0] == package
    ):
        part = part.tb_next
    return part


def _after_the_cut(end: _End, cause: str, limit: float) -> _End:
    """Work that was cut short has not failed: the task goes back unspent, which cancels it if
    someone asked for that. But it may have had its time; if that spent nothing, it would run for
    ever."""
    if end.outcome not in ("failed", "released"):
        return end
    if cause != TIMEOUT:
        return _RELEASED
    message = f"the attempt took longer than {round(limit * 1000)} ms"
    return _End("failed", code="timeout", message=message)


def _wrong_result(error: Exception) -> _End:
    """Another try would bring the same."""
    code = "result_invalid"
    if not isinstance(error, TreadleError):
        message = f"the result cannot be read: {_name_of(error)}: {text_of(error)}"
        return _End("failed", code=code, message=message, retry=False)
    if not isinstance(error, EncodingError) and "at most" in error.detail:
        code = "result_too_large"
    return _End("failed", code=code, message=error.detail, retry=False)


def _json(token: str, end: _End) -> str:
    if end.outcome == "failed":
        return wire.failed(token, end.code, end.message, end.retry, end.delay_ms)
    if end.outcome == "snoozed":
        return wire.snoozed(token, end.delay_ms or 0)
    if end.outcome == "discarded":
        return wire.discarded(token, end.code, end.message)
    return wire.released(token)


def _ending(lease: Lease, end: _End, seconds: float) -> Ending:
    """Nothing of what a sensitive task says is in it."""
    is_open = not lease.sensitive
    return Ending(
        lease.id,
        lease.type,
        end.outcome,
        seconds,
        lease.attempt,
        lease.max_attempts,
        end.code if is_open else "",
        end.message if is_open else "",
        (end.delay_ms or 0) / 1000,
    )


def spawned_by(loop: asyncio.AbstractEventLoop) -> Callable[[Callable[[], None]], List[Any]]:
    """For `arun`: calls that may block run in the loop's executor."""

    def spawn(call: Callable[[], None]) -> List[Any]:
        return [loop.run_in_executor(None, call)]

    return spawn
