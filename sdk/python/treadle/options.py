"""What a task may say besides its type and payload: options, retry policies, durations, times."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import math
from dataclasses import dataclass
from typing import Any, Sequence, TypedDict, Union

from .errors import EncodingError, InvalidArgumentError
from .exact_json import Unencodable, encode, quote, rfc3339

Duration = Union[float, datetime.timedelta]
"""Seconds, or a timedelta."""


def milliseconds(value: Duration, field: str) -> int:
    """A duration as the wire has it. Raises InvalidArgumentError with `field`."""
    seconds = value.total_seconds() if isinstance(value, datetime.timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise EncodingError(f"{field} must be seconds or a timedelta", field=field)
    if not math.isfinite(seconds) or seconds < 0:
        raise InvalidArgumentError(f"{field} must be at least 0 and finite", field=field)
    return round(seconds * 1000)


def point_in_time(value: datetime.datetime, field: str) -> str:
    """A time as the wire has it. Raises EncodingError if it has no time zone."""
    if not isinstance(value, datetime.datetime):
        raise EncodingError(f"{field} must be a datetime with a time zone", field=field)
    try:
        return rfc3339(value)
    except Unencodable as error:
        raise EncodingError(f"{field} {error}", field=field) from None


@dataclass(frozen=True)
class Retry:
    """A retry policy: whether and when a failed attempt is followed by another.

    What is None is the server's default. `delays` are the waits of `backoff="listed"`.
    """

    preset: str | None = None  # "default" or "patient"
    backoff: str | None = None  # "exponential", "linear", "fixed" or "listed"
    jitter: str | None = None  # "none", "full" or "equal"
    base: Duration | None = None
    cap: Duration | None = None
    delays: Sequence[Duration] | None = None
    max_attempts: int | None = None
    total: Duration | None = None  # no attempt begins later than this after the first failure
    never: Sequence[str] | None = None  # error codes that end the task
    always: Sequence[str] | None = None  # error codes that retry, whatever the handler said

    def to_json(self) -> str:
        """As `RetryPolicy` of the API."""
        fields: dict[str, Any] = {}
        for name in ("preset", "backoff", "jitter", "max_attempts", "never", "always"):
            if (value := getattr(self, name)) is not None:
                fields[name] = list(value) if name in ("never", "always") else value
        for name, wire in (
            ("base", "backoff_base_ms"),
            ("cap", "backoff_cap_ms"),
            ("total", "total_ms"),
        ):
            if (value := getattr(self, name)) is not None:
                fields[wire] = milliseconds(value, f"retry.{wire}")
        if self.delays is not None:
            fields["delays_ms"] = [
                milliseconds(each, f"retry.delays_ms[{i}]") for i, each in enumerate(self.delays)
            ]
        return encode(fields, "retry")


@dataclass(frozen=True)
class TaskOptions:
    """How a task is to be run. What is None is left to the task's type and queue.

    Durations are seconds or a timedelta; times are datetimes with a time zone.
    """

    queue: str | None = None  # "default"
    priority: int | None = None  # 0 to 9, 9 goes first
    delay: Duration | None = None  # not before so long from now …
    run_at: datetime.datetime | None = None  # … or not before this
    expires: Duration | datetime.datetime | None = None  # not to begin after this
    deadline: Duration | datetime.datetime | None = None  # not to end after this
    attempt_timeout: Duration | None = None  # how long an attempt may take, by the server's clock
    retries: int | None = None  # attempts after the first; excludes max_attempts
    max_attempts: int | None = None
    retry: Retry | None = None
    key: str | None = None  # idempotency key: one task for a queue and key
    key_window: Duration | None = None  # for how long; the queue's, 24 h by default
    unique_while: str | None = None  # "waiting", "running" or "done": for as long as the task is
    on_duplicate: str | None = None  # "return", "refuse" or "replace"
    tags: Sequence[str] | None = None
    sensitive: bool | None = None  # payload, result and messages stay out of lists and logs
    contract_version: int | None = None
    traceparent: str | None = None  # W3C Trace Context for the handler; default: ambient

    def over(self, base: TaskOptions) -> TaskOptions:
        """These, and what is None here from `base`. What is given here takes the place of what
        excludes it there: `delay` and `run_at`, `retries` and `max_attempts`, `key_window` and
        `unique_while`."""
        if base is NO_OPTIONS or self is base:
            return self
        values: dict[str, Any] = {}
        for name in _NAMES:
            own = getattr(self, name)
            other = _EXCLUDES.get(name)
            if own is None and (other is None or getattr(self, other) is None):
                own = getattr(base, name)
            values[name] = own
        return TaskOptions(**values)

    @functools.cached_property
    def say_of_keys(self) -> bool:
        """Whether a key of the client's own would mix with what is said here."""
        said = (self.key, self.key_window, self.unique_while, self.on_duplicate)
        return any(each is not None for each in said)

    def to_json(self) -> str:
        """The fields of `NewTask`, each with a comma before it. Raises InvalidArgumentError."""
        return self._json

    @functools.cached_property
    def _json(self) -> str:
        out = ""
        if self.queue is not None:
            out += f',"queue":{_text(self.queue, "queue")}'
        for name in ("priority", "contract_version"):
            if (number := getattr(self, name)) is not None:
                out += f',"{name}":{_integer(number, name)}'
        out += self._attempts()
        if self.delay is not None:
            out += f',"delay_ms":{milliseconds(self.delay, "delay")}'
        if self.run_at is not None:
            out += f',"run_at":"{point_in_time(self.run_at, "run_at")}"'
        out += _limit("expires", self.expires) + _limit("deadline", self.deadline)
        if self.attempt_timeout is not None:
            out += f',"attempt_timeout_ms":{milliseconds(self.attempt_timeout, "attempt_timeout")}'
        if self.retry is not None:
            out += f',"retry":{self.retry.to_json()}'
        if self.key is not None:
            out += f',"idempotency_key":{_text(self.key, "key")}'
        if self.key_window is not None:
            out += f',"idempotency_window_ms":{milliseconds(self.key_window, "key_window")}'
        for name in ("unique_while", "on_duplicate"):
            if (text := getattr(self, name)) is not None:
                out += f',"{name}":{_text(text, name)}'
        if self.tags is not None:
            if isinstance(self.tags, str):
                raise EncodingError("tags must be a list of texts, not one text", field="tags")
            out += f',"tags":{encode(list(self.tags), "tags")}'
        if self.sensitive:
            out += ',"sensitive":true'
        if self.traceparent is not None:
            out += f',"traceparent":{_text(self.traceparent, "traceparent")}'
        return out

    def _attempts(self) -> str:
        attempts = self.max_attempts
        if self.retries is not None:
            if attempts is not None:
                raise InvalidArgumentError(
                    "give retries or max_attempts, not both", field="retries"
                )
            attempts = _integer(self.retries, "retries") + 1
        return "" if attempts is None else f',"max_attempts":{_integer(attempts, "max_attempts")}'


NO_OPTIONS = TaskOptions()
_NAMES = tuple(each.name for each in dataclasses.fields(TaskOptions))
_EXCLUDES = {
    "delay": "run_at",
    "run_at": "delay",
    "retries": "max_attempts",
    "max_attempts": "retries",
    "key_window": "unique_while",
    "unique_while": "key_window",
}


def _limit(name: str, value: Duration | datetime.datetime | None) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        return f',"{name}_at":"{point_in_time(value, name)}"'
    return f',"{name}_ms":{milliseconds(value, name)}'


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise EncodingError(f"{field} must be text", field=field)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise EncodingError(f"{field} holds half of a surrogate pair", field=field) from None
    return quote(value)


def _integer(value: Any, field: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise EncodingError(f"{field} must be a whole number", field=field)
    return value


class OptionFields(TypedDict, total=False):
    """The fields of TaskOptions as keyword arguments, for type checkers."""

    queue: str | None
    priority: int | None
    delay: Duration | None
    run_at: datetime.datetime | None
    expires: Duration | datetime.datetime | None
    deadline: Duration | datetime.datetime | None
    attempt_timeout: Duration | None
    retries: int | None
    max_attempts: int | None
    retry: Retry | None
    key: str | None
    key_window: Duration | None
    unique_while: str | None
    on_duplicate: str | None
    tags: Sequence[str] | None
    sensitive: bool | None
    contract_version: int | None
    traceparent: str | None
