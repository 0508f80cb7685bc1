"""CancelToken: whether the work of an attempt is still wanted, and why not."""

from __future__ import annotations

import logging
import threading
from typing import Callable, List, Optional

from .outcomes import Cancelled

_log = logging.getLogger("treadle")

REQUESTED = "requested"  # someone asked for the end of the task
LEASE_LOST = "lease_lost"  # another worker has it, or it has ended: nobody hears of the outcome
TIMEOUT = "timeout"  # the attempt's time is up
SHUTDOWN = "shutdown"  # the worker stops, and its grace is over


class CancelToken:
    """Of one attempt. Any thread; it costs nothing until someone waits for it or it is
    cancelled."""

    __slots__ = ("cause", "_event", "_calls")

    def __init__(self) -> None:
        self.cause: Optional[str] = None
        self._event: Optional[threading.Event] = None
        self._calls: Optional[List[Callable[[], None]]] = None

    def is_set(self) -> bool:
        """True when the work is no longer wanted; it stays true."""
        return self.cause is not None

    def check(self) -> None:
        """Raises Cancelled if the work is no longer wanted."""
        if self.cause is not None:
            raise Cancelled(self.cause)

    def wait(self, timeout: float | None = None) -> bool:
        """Sleeps until it is set, or for `timeout` seconds; whether it is set."""
        if self._event is None:
            self._event = threading.Event()
        if self.cause is not None:
            return True
        return self._event.wait(timeout)

    def on_cancel(self, call: Callable[[], None]) -> None:
        """Calls `call` once, on a thread of the worker, when it is set; at once if it is."""
        if self._calls is None:
            self._calls = []
        self._calls.append(call)
        if self.cause is not None:
            self._run_calls()

    def cancel(self, cause: str) -> bool:
        """Of several causes the first one holds; whether this is it."""
        if self.cause is not None:
            return False
        self.cause = cause
        if self._event is not None:
            self._event.set()
        self._run_calls()
        return True

    def _run_calls(self) -> None:
        while self._calls:
            try:
                call = self._calls.pop(0)
            except IndexError:
                return
            try:
                call()
            except Exception as error:  # or the thread that watches all attempts would end
                _log.warning("a call after a cancellation raised %s", type(error).__name__)
