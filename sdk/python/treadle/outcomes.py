"""How a handler ends an attempt other than by returning: it raises one of these."""

from __future__ import annotations

import datetime
from typing import Any

from .options import Duration


class Outcome(Exception):
    """Base of Failure, Snooze, Discard and Release."""


class Failure(Outcome):
    """The attempt did not work. `code` is short and stable, for machines; `message` is for people.

    `retry=False`: the task goes to the dead letters. `retry_after`: seconds or a timedelta until
    the next attempt, whatever the retry policy has. Raises TypeError for arguments of other types.
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        retry: bool = True,
        retry_after: Duration | None = None,
    ) -> None:
        _check_text("code", code)
        _check_text("message", message)
        if not isinstance(retry, bool):
            raise TypeError(f"retry must be True or False, not {type(retry).__name__}")
        if retry_after is not None:
            _check_duration("retry_after", retry_after)
        super().__init__(message or code)
        self.code = code
        self.message = message
        self.retry = retry
        self.retry_after = retry_after


class Snooze(Outcome):
    """Not yet: the task is scheduled for so long from now, and the attempt does not count."""

    def __init__(self, delay: Duration) -> None:
        _check_duration("delay", delay)
        super().__init__(f"snoozed for {delay}")
        self.delay = delay


class Discard(Outcome):
    """Nothing is to be done any more: the task is cancelled, and the reason is kept with it."""

    def __init__(self, reason: str = "", *, code: str = "discarded") -> None:
        _check_text("reason", reason)
        _check_text("code", code)
        super().__init__(reason or code)
        self.reason = reason
        self.code = code


class Release(Outcome):
    """Not here: the task is ready again at once, and the attempt does not count."""


class Cancelled(Outcome):
    """The work is no longer wanted; `cause` says why. Raised by Context.check().

    What becomes of the task follows from the cause: cancelled, returned unspent, or failed as
    "timeout".
    """

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text, not {type(value).__name__}")


def _check_duration(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float, datetime.timedelta)):
        raise TypeError(f"{name} must be seconds or a timedelta, not {type(value).__name__}")
