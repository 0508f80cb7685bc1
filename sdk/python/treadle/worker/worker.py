"""Worker: runs an application's tasks until it is told to stop.

A server that is away, restarted or killed ends nothing: what runs goes on, and its outcome is sent
until the server has answered for it. Handlers run at least once per task.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any, Callable, Dict, List, Optional

from ..app import Pool, Treadle, WorkerSettings
from ..backoff import Backoff
from ..caller import Caller
from ..client import Client
from ..context import TaskLogHandler
from ..errors import InvalidArgumentError, TreadleError
from ..schema import input_schema_of, output_schema_of
from ..task import Task
from .child import Begin
from .find_app import place_of
from .lines import TaskLines
from .processes import InProcess
from .station import Station
from .threads import Runs

_SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP")
_REGISTER_SECONDS = 5.0  # for one try to register a contract; a signal waits for it


class Worker:
    """See the head of this file. One thread makes and runs it; stop() comes from anywhere."""

    def __init__(self, app: Treadle, settings: Optional[WorkerSettings] = None) -> None:
        self._app = app
        self._settings = settings or app.settings
        self._lines = TaskLines(self._settings.lines, self._settings.json_lines)
        self._stops = 0
        self._is_signalled = False
        self._stations: List[Station] = []

    def run_until_signal(self) -> int:
        """run() until SIGTERM, SIGINT or SIGHUP; a second one ends the grace. The exit status of a
        program: 0, or 1 after a line that says why."""
        before = self._catch_signals()
        self._is_signalled = True
        try:
            self.run()
            return 0
        except TreadleError as error:
            self._lines.say(error.detail)
            return 1
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def run(self) -> None:
        """Works until stop(), and then winds down. Raises TreadleError if that was not in order, or
        if the server refuses this worker."""
        self._stations = self._make_stations()
        self._register_contracts()
        handler = TaskLogHandler()
        logging.getLogger().addHandler(handler)
        errors: List[TreadleError] = []
        threads = [
            threading.Thread(target=self._run, args=(each, errors), name="treadle-station")
            for each in self._stations[1:]
        ]
        # Or a signal that comes when this thread is about to wait would be seen when it wakes.
        if self._is_signalled:
            first = self._stations[0].wake_descriptor
            signal.set_wakeup_fd(first, warn_on_full_buffer=False)
        try:
            for thread in threads:
                thread.start()
            self._stop_stations()
            self._run(self._stations[0], errors)
            for thread in threads:
                thread.join()
        finally:
            logging.getLogger().removeHandler(handler)
            if self._is_signalled:
                signal.set_wakeup_fd(-1)
            for each in self._stations:
                each.close()
        if errors:
            raise errors[0]

    def stop(self) -> None:
        """Begins the end of run(); called again it ends the grace, and then the wait for cancelled
        handlers. Any thread, and signal handlers."""
        self._stops += 1
        self._stop_stations()

    def _run(self, station: Station, errors: List[TreadleError]) -> None:
        """One pool's end is the end of all: half a worker would not be noticed."""
        try:
            station.run()
        except TreadleError as error:
            errors.append(error)
        self._stops = max(self._stops, 1)
        self._stop_stations()

    def _stop_stations(self) -> None:
        for each in self._stations:
            if self._stops:
                each.stop_times(self._stops)

    def _catch_signals(self) -> Dict[int, Any]:
        def stop(number: int, frame: Optional[FrameType]) -> None:
            self.stop()

        before: Dict[int, Any] = {}
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is None or signal.getsignal(number) is signal.SIG_IGN:  # under nohup
                continue
            before[number] = signal.signal(number, stop)
        return before

    # ---- the parts ----

    def _make_stations(self) -> List[Station]:
        app = self._app
        by_pool: Dict[str, Dict[str, Task[Any, Any]]] = {}
        for task in app.tasks.values():
            if task.pool not in app.pools:
                raise InvalidArgumentError(
                    f'{task.name} names the pool "{task.pool}", which app.pool() never made',
                    field="pool",
                )
            by_pool.setdefault(task.pool, {})[task.name] = task
        if not by_pool:
            raise InvalidArgumentError("no task: decorate a function with @app.task", field="tasks")
        return [self._make_station(app.pools[name], tasks) for name, tasks in by_pool.items()]

    def _make_station(self, pool: Pool, tasks: Dict[str, Task[Any, Any]]) -> Station:
        client, settings = self._app.client, self._settings
        return Station(
            pool,
            settings,
            tasks,
            self._app.middlewares,
            servers=client.servers,
            token=client.token,
            caller=Caller(client.servers, token=client.token),
            log=self._lines.say,
            ended=None if settings.quiet else self._lines.ended,
            make_process=self._process_maker(pool) if pool.processes else None,
        )

    def _process_maker(self, pool: Pool) -> Callable[[], Runs]:
        client = self._app.client
        begin = Begin(
            place=place_of(self._app),
            sys_path=tuple(sys.path),
            servers=tuple(client.servers),
            token=client.token,
            pool=pool.name,
            with_endings=not self._settings.quiet,
        )
        return lambda: InProcess(begin, self._lines.say)

    def _register_contracts(self) -> None:
        for task in self._app.tasks.values():
            for contract in task.contracts:
                body = contract.to_json(
                    input_schema_of(task.binding), output_schema_of(task.function)
                )
                self._register(self._app.client, task.name, contract.version, body)

    def _register(self, client: Client, type: str, version: int, body: str) -> None:
        backoff = Backoff()
        is_news = True
        while not self._stops:
            try:
                client.put_contract(type, version, body, timeout=_REGISTER_SECONDS)
                return
            except TreadleError as error:
                if error.code not in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
                    raise
                if is_news:
                    self._lines.say(f"{error.detail}; trying again until it answers")
                is_news = False
            time.sleep(backoff.next())
