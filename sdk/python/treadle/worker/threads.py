"""Threads that run functions, made when they are first needed, at most `limit`."""

from __future__ import annotations

import threading
from typing import Callable, List, Protocol

from .attempt import Attempt
from .attempts import Attempts
from .report import Report
from .runner import stand_in


class Runs(Protocol):
    """What one thread runs attempts with; made and closed by that thread."""

    def serve(self, attempts: Attempts) -> None:
        """Takes attempts, runs them and finishes them, until there are no more."""

    def close(self) -> None: ...


class InThread:
    """Runs functions in the thread that serves. `run` may raise: a thread that ended here would
    take its slot with it, and the attempt would run for ever."""

    def __init__(self, run: Callable[[Attempt], Report]) -> None:
        self._run = run

    def serve(self, attempts: Attempts) -> None:
        attempt = attempts.wait_and_take()
        while attempt is not None:
            try:
                report = self._run(attempt)
            except BaseException as error:
                report = stand_in(attempt.lease, error)
            attempt = attempts.finish_and_take(attempt, report) or attempts.wait_and_take()

    def close(self) -> None:
        pass


class FunctionThreads:
    """Each thread serves until the attempts are closed."""

    def __init__(self, attempts: Attempts, limit: int, make: Callable[[], Runs]) -> None:
        self._attempts = attempts
        self._limit = limit
        self._make = make
        self._threads: List[threading.Thread] = []

    def start_one(self) -> bool:
        """One more thread; False if there are enough. Called with the lock of the attempts held."""
        if len(self._threads) >= self._limit:
            return False
        name = f"treadle-handler-{len(self._threads) + 1}"
        thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
        return True

    def start_all(self) -> None:
        """For runs that take long to make."""
        while self.start_one():
            pass

    def close(self, timeout: float) -> bool:
        """Waits until every handler has returned; False if some have not in time. The attempts must
        be closed."""
        for thread in self._threads:
            thread.join(timeout)
        return not any(thread.is_alive() for thread in self._threads)

    def _loop(self) -> None:
        self._attempts.thread_came()
        runs = self._make()
        try:
            runs.serve(self._attempts)
        finally:
            runs.close()
