"""The side of a child process: runs functions that the parent sends, one after the other.

    python -m treadle.worker.child FD

The parent sends ("begin", …) once, then ("run", …) and ("cancel", …); this side answers each run
with a report. When the parent is gone, so is this process. Signals are the parent's business.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from typing import Any, Dict, NamedTuple, Tuple

from ..address import Address
from ..caller import Caller
from ..cancel import CancelToken
from ..context import TaskLogHandler
from .find_app import AppPlace, load_app
from .runner import Runner
from .sender import AttemptSender


class Begin(NamedTuple):
    """What a child is told first."""

    place: AppPlace
    sys_path: Tuple[str, ...]
    servers: Tuple[Address, ...]
    token: str
    pool: str
    with_endings: bool


class Child:
    """See the head of this file. The main thread runs handlers, another one listens."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._runs: queue.SimpleQueue[Tuple[Any, ...]] = queue.SimpleQueue()
        self._cancelled: Dict[str, CancelToken] = {}

    def serve(self) -> None:
        """Until the parent closes the connection."""
        begin: Begin = self._connection.recv()
        try:
            runner = _runner(begin)
        except BaseException:
            self._connection.send(("broken", traceback.format_exc()))
            return
        self._connection.send(("ready",))
        threading.Thread(target=self._listen, name="treadle-parent", daemon=True).start()
        while True:
            lease, deadline, limit = self._runs.get()
            token = self._cancelled[lease.token]
            report = runner.run(lease, token, deadline, limit)
            del self._cancelled[lease.token]
            ending = report.ending() if report.ending is not None else None
            self._connection.send(("report", report.json, ending))

    def _listen(self) -> None:
        try:
            while True:
                words = self._connection.recv()
                if words[0] == "run":
                    self._cancelled[words[1].token] = CancelToken()
                    self._runs.put(words[1:])
                elif (token := self._cancelled.get(words[1])) is not None:
                    token.cancel(words[2])
        except (EOFError, OSError):
            sys.stdout.flush()
            os._exit(0)


def _runner(begin: Begin) -> Runner:
    sys.path[:] = begin.sys_path
    app = load_app(begin.place)
    logging.getLogger().addHandler(TaskLogHandler())
    caller = Caller(begin.servers, token=begin.token)
    tasks = {
        name: task
        for name, task in app.tasks.items()
        if task.pool == begin.pool and not task.is_coroutine
    }
    return Runner(tasks, app.middlewares, AttemptSender(caller), with_endings=begin.with_endings)


def main() -> None:
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    try:
        Child(Connection(int(sys.argv[1]))).serve()
    except (EOFError, OSError):
        pass


if __name__ == "__main__":
    main()
