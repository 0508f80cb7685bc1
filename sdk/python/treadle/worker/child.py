"""The side of a child process: runs functions that the parent sends, one after the other.

    python -m treadle.worker.child WORK CONTROL

Both are descriptors of connections. On WORK the parent sends what to begin with, and then one
attempt after the other; each is answered with its report. On CONTROL it sends which attempt to
cancel; when that closes, the parent is gone, and so is this process. Signals are the parent's
business.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from typing import Dict, NamedTuple, Tuple

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
    """See the head of this file. The main thread runs handlers, another one listens to CONTROL."""

    def __init__(self, work: Connection, control: Connection) -> None:
        self._work = work
        self._control = control
        self._tokens: Dict[str, CancelToken] = {}  # of the attempt that runs, or is to begin

    def serve(self) -> None:
        """Until the parent closes the connections."""
        begin: Begin = self._work.recv()
        try:
            runner = _runner(begin)
        except BaseException:
            self._work.send(("broken", traceback.format_exc()))
            return
        self._work.send(("ready",))
        threading.Thread(target=self._listen, name="treadle-parent", daemon=True).start()
        while True:
            lease, deadline, limit = pickle.loads(self._work.recv_bytes())
            token = self._tokens.setdefault(lease.token, CancelToken())
            report = runner.run(lease, token, deadline, limit)
            self._tokens.clear()
            ending = report.ending() if report.ending is not None else None
            self._work.send_bytes(pickle.dumps((report.json, ending), pickle.HIGHEST_PROTOCOL))

    def _listen(self) -> None:
        try:
            while True:
                token, cause = self._control.recv()
                self._tokens.setdefault(token, CancelToken()).cancel(cause)
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
        Child(Connection(int(sys.argv[1])), Connection(int(sys.argv[2]))).serve()
    except (EOFError, OSError):
        pass


if __name__ == "__main__":
    main()
