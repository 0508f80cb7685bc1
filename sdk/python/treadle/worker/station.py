"""Station: one pool of a worker: its handlers, their slots, and its conversation with the
server."""

from __future__ import annotations

import os
import select
import socket
import time
from typing import Any, Callable, Dict, List, Optional, Sequence

from .. import wire
from ..address import Address
from ..app import Middleware, Pool, WorkerSettings
from ..caller import Caller
from ..errors import InvalidArgumentError, TreadleError, UnavailableError
from ..task import Task
from .attempt import Attempt
from .attempts import Attempts
from .exchanger import Ended, Exchanger, ExchangerOptions
from .loop import CoroutineLoop
from .report import Report
from .runner import Runner
from .sender import AttemptSender
from .threads import FunctionThreads, InThread, Runs

_DELIVER_SECONDS = 5.0  # for the last reports, once nothing runs any more
_CLOSE_SECONDS = 1.0  # for handlers that were given up


def default_name() -> str:
    """HOST-PID, with the characters that names may have."""
    host = "".join(
        char if char.isascii() and (char.isalnum() or char in "._-") else "-"
        for char in socket.gethostname()[:100]
    )
    return f"{host.lstrip('._-') or 'worker'}-{os.getpid()}"


class Station:
    """See the head of this file. run() blocks; stop_times() comes from any thread and from signal
    handlers."""

    def __init__(
        self,
        pool: Pool,
        settings: WorkerSettings,
        tasks: Dict[str, Task[Any, Any]],
        middlewares: Sequence[Middleware],
        *,
        servers: Sequence[Address],
        token: str,
        caller: Caller,
        log: Callable[[str], None],
        ended: Optional[Callable[[Ended], None]],
        make_process: Optional[Callable[[], Runs]] = None,
    ) -> None:
        _check(pool, settings, tasks)
        self._settings = settings
        self._log = log
        self._stops = 0
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._have_all_ended = False
        coroutines = [name for name, task in tasks.items() if task.is_coroutine]
        functions = len(coroutines) < len(tasks)
        slots, function_slots = _slots(pool, has_coroutines=bool(coroutines))
        self._attempts = Attempts(
            slots=slots,
            function_slots=function_slots,
            prefetch=pool.prefetch,
            cancel_wait=settings.cancel_wait,
            timeouts={name: task.timeout for name, task in tasks.items() if task.timeout},
            coroutines=coroutines,
            changed=self._changed,
        )
        self._runner = Runner(
            tasks, middlewares, AttemptSender(caller), with_endings=ended is not None
        )
        make = make_process if pool.processes and make_process else lambda: InThread(self._run_here)
        self._has_processes = bool(pool.processes)
        self._threads: Optional[FunctionThreads] = None
        if functions:
            self._threads = FunctionThreads(self._attempts, function_slots, make)
            self._attempts.start_thread = self._threads.start_one
        self._loop: Optional[CoroutineLoop] = None
        if coroutines:
            self._loop = CoroutineLoop(self._attempts, self._runner)
            self._attempts.wake_loop = self._loop.wake
        name = settings.name or default_name()
        self._exchanger = Exchanger(
            ExchangerOptions(
                servers=servers,
                token=token,
                connect_timeout=5.0,
                worker=f"{name}.{pool.name}" if pool.name else name,
                build=settings.build,
                queues=list(pool.queues),
                types=list(tasks),
                poll_wait=settings.poll_wait,
                goodbye=2.0,
                log=log,
                ended=ended or (lambda _: None),
                progressed=self._wake,
            ),
            self._attempts,
        )

    def run(self) -> None:
        """Works until stop_times(), and then winds down: takes nothing new, lets what runs finish
        within the grace, cancels the rest and returns it unspent, and delivers all reports.

        Raises UnavailableError if reports could not be delivered (those tasks run again), or what
        the server refuses this worker with.
        """
        self._attempts.start()
        if self._loop is not None:
            self._loop.start()
        if self._threads is not None and self._has_processes:
            self._threads.start_all()
        self._exchanger.start()
        while self._stops == 0 and self._exchanger.failure is None:
            self._wait_for_wake(None)
        self._wind_down()
        failure = self._exchanger.failure
        unreported = self._exchanger.stop()
        self._attempts.close()
        self._close_runners()
        if failure is not None:
            raise failure
        if unreported:
            raise UnavailableError(
                f"stopped without having delivered {unreported} report(s); "
                "those tasks will run again"
            )

    def close(self) -> None:
        """After run()."""
        if self._have_all_ended:  # else someone may still write to it
            os.close(self._wake_read)
            os.close(self._wake_write)

    @property
    def wake_descriptor(self) -> int:
        """Whatever is written to it has run() look again. Until close()."""
        return self._wake_write

    def stop_times(self, times: int) -> None:
        """Begins the end of run(); the second time it ends the grace, the third the wait for
        cancelled handlers."""
        self._stops = max(self._stops, times)
        self._wake()

    def _run_here(self, attempt: Attempt) -> Report:
        return self._runner.run(
            attempt.lease, attempt.cancelled, attempt.deadline_or_none, attempt.limit
        )

    # ---- the end ----

    def _wind_down(self) -> None:
        self._attempts.drain()
        self._exchanger.drain()
        is_refused = self._exchanger.failure is not None
        if not is_refused:
            self._say_what_is_waited_for()
            if self._wait_idle(self._settings.shutdown_grace, 2):
                return
        wait = self._settings.cancel_wait
        if running := self._attempts.running_tasks():
            self._log(f"cancelling {listed(running)}, which may take up to {wait:g} s to end")
        self._attempts.cancel_running()
        if self._exchanger.failure is not None or self._wait_idle(wait, 3):
            return
        if running := self._attempts.running_tasks():
            self._log(f"giving up {listed(running)}; the server will have it run again")
        self._attempts.release_running()
        self._wait_idle(_DELIVER_SECONDS, 4)

    def _say_what_is_waited_for(self) -> None:
        running = self._attempts.running_tasks()
        if running:
            them = "it" if len(running) == 1 else "them"
            grace = self._settings.shutdown_grace
            self._log(
                f"stopping: waiting up to {grace:g} s for {listed(running)}; "
                f"a second signal cancels {them}"
            )

    def _wait_idle(self, limit: float, stops: int) -> bool:
        """False if `limit` passed, or the stop was asked for the `stops`-th time, before all was
        done and delivered."""
        deadline = time.monotonic() + limit
        while not self._exchanger.is_idle():
            left = deadline - time.monotonic()
            if left <= 0 or self._stops >= stops or self._exchanger.failure is not None:
                return False
            self._wait_for_wake(left)
        return True

    def _close_runners(self) -> None:
        self._have_all_ended = self._loop is None or self._loop.close(_CLOSE_SECONDS)
        if self._threads is not None:
            self._have_all_ended = self._threads.close(_CLOSE_SECONDS) and self._have_all_ended

    # ---- waking run() ----

    def _changed(self) -> None:
        self._exchanger.changed()

    def _wake(self) -> None:
        try:
            os.write(self._wake_write, b"\0")
        except OSError:
            pass  # it is full of wakes

    def _wait_for_wake(self, timeout: float | None) -> None:
        if select.select([self._wake_read], [], [], timeout)[0]:
            try:
                os.read(self._wake_read, 65536)
            except BlockingIOError:
                pass


def listed(tasks: List[str]) -> str:
    """ "1 running task (1-5)", "7 running tasks (1-5, 1-6, 1-7, 1-8, 1-9 and 2 more)"."""
    named = ", ".join(tasks[:5]) + (f" and {len(tasks) - 5} more" if len(tasks) > 5 else "")
    return f"{len(tasks)} running task{'' if len(tasks) == 1 else 's'} ({named})"


def _slots(pool: Pool, *, has_coroutines: bool) -> tuple[int, int]:
    """How many attempts run at the same time: all, and functions alone."""
    if not pool.processes:
        return pool.concurrency, pool.concurrency
    slots = max(pool.concurrency, pool.processes) if has_coroutines else pool.processes
    return slots, pool.processes


def _check(pool: Pool, settings: WorkerSettings, tasks: Dict[str, Task[Any, Any]]) -> None:
    def refuse(field: str, what: str) -> TreadleError:
        return InvalidArgumentError(f"{field} must be {what}", field=field)

    if not 1 <= pool.concurrency <= wire.ITEMS_MAX:
        raise refuse("concurrency", "from 1 to 1000")
    if not 0 <= pool.processes <= wire.ITEMS_MAX:
        raise refuse("processes", "from 0 to 1000")
    if not 1 <= len(pool.queues) <= wire.NAMES_MAX or isinstance(pool.queues, str):
        raise refuse("queues", "a list of 1 to 100 names")
    if not 1 <= len(tasks) <= wire.NAMES_MAX:
        raise InvalidArgumentError("a pool must handle 1 to 100 task types", field="tasks")
    if not 0 <= settings.poll_wait <= 60:
        raise refuse("poll_wait", "from 0 to 60 seconds")
