"""One line for each task that ended, for people or as JSON.

1-5 resize completed in 31 ms
1-6 resize failed (KeyError: 'name'), attempt 1 of 20, retrying in 222 ms
"""

from __future__ import annotations

import datetime
import logging
import os
import select
import sys
import unicodedata
from typing import Any, Callable, Dict, List, Tuple

from ..exact_json import encode, quote
from ..wire import clean
from .report import Ending

_log = logging.getLogger("treadle")
_MESSAGE_COLUMNS = 80
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, what turns text round, line ends


class TaskLines:
    """Turns endings into text, and hands it on in one piece for all that ended together."""

    def __init__(self, write: Callable[[str], None] | None, as_json: bool | None) -> None:
        self._take = write or write_to_standard_error
        self._as_json = not sys.stderr.isatty() if as_json is None else as_json

    def ended(self, ended: List[Tuple[Ending, Dict[str, Any]]]) -> None:
        """Of an exchange: attempts with the answers of the server."""
        if self._as_json:
            now = _now()
            lines = [json_line(ending, answer, now) for ending, answer in ended]
        else:
            lines = [human_line(ending, answer) for ending, answer in ended]
        self._write("\n".join(lines) + "\n")

    def _write(self, text: str) -> None:
        """Whoever takes lines cannot stop the worker."""
        try:
            self._take(text)
        except Exception as error:
            _log.warning("lines of the worker were not taken: %s", type(error).__name__)

    def say(self, text: str) -> None:
        """One line about the worker itself."""
        if self._as_json:
            self._write(encode({"time": _now(), "message": text}, "line") + "\n")
        else:
            self._write(f"treadle worker: {printable(text)}\n")


def write_to_standard_error(text: str) -> None:
    """Drops what standard error cannot take at once, so that its reader never holds up the work."""
    try:
        descriptor = sys.stderr.fileno()
        if not select.select([], [descriptor], [], 0)[1]:
            return
        os.write(descriptor, text.encode("utf-8", "backslashreplace"))
    except (OSError, ValueError, AttributeError):
        try:
            sys.stderr.write(text)
        except (OSError, ValueError):
            pass


def human_line(ending: Ending, answer: Dict[str, Any]) -> str:
    """Without a line end."""
    task = f"{ending.id} {printable(ending.type)}"
    outcome = ending.outcome
    if outcome == "completed":
        return f"{task} completed in {short_time(ending.seconds)}"
    if outcome == "failed":
        return task + _failure(ending) + what_follows(answer)
    if outcome == "snoozed":
        return f"{task} snoozed for {short_time(ending.delay)}"
    if outcome == "discarded":
        return f"{task} discarded"
    time = short_time(ending.seconds)
    return f"{task} was stopped after {time} and returned without counting the attempt"


def json_line(ending: Ending, answer: Dict[str, Any], now: str | None = None) -> str:
    """Without a line end."""
    line = (
        f'{{"time":"{now or _now()}","task":"{ending.id}","type":{quote(ending.type)},'
        f'"outcome":"{ending.outcome}","ms":{int(ending.seconds * 1000)},'
        f'"attempt":{ending.attempt},"max_attempts":{ending.max_attempts}'
    )
    if ending.code:
        line += f',"code":{quote(clean(ending.code))}'
    if ending.message:
        line += f',"error":{quote(clean(ending.message[-1000:]))}'
    if ending.outcome == "failed":
        for name in ("state", "retry_in_ms"):
            if name in answer:
                line += f',"{name}":{encode(answer[name], "line")}'
    return line + "}"


def what_follows(answer: Dict[str, Any]) -> str:
    """Only these words, whatever the server sent."""
    retry_in_ms = answer.get("retry_in_ms")
    if isinstance(retry_in_ms, int) and retry_in_ms >= 0:
        return f", retrying in {short_time(retry_in_ms / 1000)}"
    state = answer.get("state")
    return f", {state}" if state in ("dead", "cancelled") else ""


def short_time(seconds: float) -> str:
    """ "31 ms", "4.2 s", "3 min 5 s", "2 h 5 min", "1 d 3 h": rounded down."""
    ms = int(seconds * 1000 + 1e-6)
    if ms < 1_000:
        return f"{ms} ms"
    if ms >= 86_400_000:
        return _two_units(ms // 3_600_000, 24, "d", "h")
    if ms >= 3_600_000:
        return _two_units(ms // 60_000, 60, "h", "min")
    if ms >= 60_000:
        return _two_units(ms // 1_000, 60, "min", "s")
    tenths = ms // 100 % 10
    return f"{ms // 1_000}.{tenths} s" if tenths else f"{ms // 1_000} s"


def _two_units(time: int, in_larger: int, larger: str, smaller: str) -> str:
    rest = time % in_larger
    return f"{time // in_larger} {larger}" + (f" {rest} {smaller}" if rest else "")


def printable(text: str) -> str:
    """On one line, without what moves the cursor, hides words or turns them round."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape", "backslashreplace").decode("ascii")
        if unicodedata.category(char) in _HIDDEN
        else char
        for char in text
    )


def _failure(ending: Ending) -> str:
    why = printable(ending.code)
    if ending.message:
        lines = [each for each in ending.message.splitlines() if each.strip()]
        shown = printable(lines[-1] if lines else ending.message)
        why += ": " + (
            shown if len(shown) <= _MESSAGE_COLUMNS else shown[: _MESSAGE_COLUMNS - 1] + "…"
        )
    why = f" ({why})" if why else ""
    return f" failed{why}, attempt {ending.attempt} of {ending.max_attempts}"


def _now() -> str:
    now = datetime.datetime.now(datetime.timezone.utc)
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
