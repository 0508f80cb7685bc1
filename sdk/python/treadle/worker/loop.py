"""CoroutineLoop: an event loop in a thread of its own, which runs handlers that are coroutine
functions.

The loop may be kept busy by a handler that never awaits; leases are renewed all the same, by the
lanes. Cancellation reaches a handler as asyncio.CancelledError.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any, Set

from .attempt import COROUTINE, Attempt
from .attempts import Attempts
from .report import Report
from .runner import Runner, spawned_by, stand_in

_log = logging.getLogger("treadle")


class CoroutineLoop:
    """See the head of this file."""

    def __init__(self, attempts: Attempts, runner: Runner) -> None:
        self._attempts = attempts
        self._runner = runner
        self._loop = asyncio.new_event_loop()
        self._tasks: Set[asyncio.Task[Any]] = set()
        self._is_woken = False
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="treadle-loop", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There may be attempts to take. Any thread."""
        if self._is_woken or self._is_closed:
            return
        self._is_woken = True
        try:
            self._loop.call_soon_threadsafe(self._take)
        except RuntimeError:
            pass  # it was closed meanwhile

    def close(self, timeout: float) -> bool:
        """Ends the loop; False if a handler does not let it."""
        self._is_closed = True
        try:
            self._loop.call_soon_threadsafe(self._loop.stop)
        except RuntimeError:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._run_until_closed()
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    def _run_until_closed(self) -> None:
        """A handler may stop the loop, and what exits in a task or callback that it made leaves the
        loop as well."""
        while not self._is_closed:
            try:
                self._loop.run_forever()
            except BaseException as error:
                _log.warning("a handler's task or callback raised %s", type(error).__name__)

    def _take(self) -> None:
        self._is_woken = False
        while True:
            attempt = self._attempts.take(COROUTINE)
            if attempt is None:
                return
            task = self._loop.create_task(self._attempt(attempt))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _attempt(self, attempt: Attempt) -> None:
        """The runner turns a cancellation of this task into a report; a second one waits in
        vain."""
        task = asyncio.current_task()
        assert task is not None
        attempt.cancelled.on_cancel(lambda: self._cancel(task))
        self._attempts.finish(attempt, await self._report(attempt))
        self._take()

    async def _report(self, attempt: Attempt) -> Report:
        try:
            return await self._runner.arun(
                attempt.lease,
                attempt.cancelled,
                attempt.deadline_or_none,
                attempt.limit,
                spawned_by(self._loop),
            )
        except BaseException as error:
            return stand_in(attempt.lease, error)

    def _cancel(self, task: asyncio.Task[Any]) -> None:
        try:
            self._loop.call_soon_threadsafe(task.cancel)
        except RuntimeError:
            pass  # the loop was closed meanwhile
