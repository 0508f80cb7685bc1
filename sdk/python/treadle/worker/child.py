"""The side of a child process: runs functions that the parent sends, one after the other.

    python -m treadle.worker.child WORK CONTROL [QUEUE]

All are descriptors of sockets. On WORK the parent sends what to begin with, and then reads reports.
QUEUE has the attempts, each a message that begins with its token: one is taken when the report of
the last one was sent, so what is still there can be taken back. ON_WORK stands for an attempt that
comes on WORK; without QUEUE, all do. On CONTROL the parent sends which attempt to cancel; when that
closes, the parent is gone, and so is this process. Signals are the parent's business.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import socket
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from typing import Dict, NamedTuple, Optional, Tuple

from ..address import Address
from ..caller import Caller
from ..cancel import CancelToken
from ..context import TaskLogHandler
from .attempt import NEVER
from .find_app import AppPlace, load_app
from .runner import Runner
from .sender import AttemptSender

MESSAGE_MAX = 64 << 10  # bytes, of an attempt that waits in QUEUE
ON_WORK = b" comes on WORK"  # in place of what a message has behind the token
_CANCELLED_MAX = 1_000  # attempts that were cancelled and may still come


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

    def __init__(
        self, work: Connection, control: Connection, queue: Optional[socket.socket]
    ) -> None:
        self._work = work
        self._control = control
        self._queue = queue
        self._tokens: Dict[str, CancelToken] = {}  # of the attempt that runs, and of cancelled ones

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
        while message := self._next():
            lease, deadline, timeout = pickle.loads(message.partition(b" ")[2])
            token = self._tokens.setdefault(lease.token, CancelToken())
            now = time.monotonic()
            deadline = min(now + timeout, NEVER if deadline is None else deadline)
            if deadline == NEVER:
                report = runner.run(lease, token)
            else:
                report = runner.run(lease, token, deadline, deadline - now)
            seconds = time.monotonic() - now
            self._tokens.pop(lease.token, None)
            ending = tuple(report.ending()) if report.ending is not None else None
            answer = (lease.token, report.json, ending, seconds)
            self._work.send_bytes(pickle.dumps(answer, pickle.HIGHEST_PROTOCOL))

    def _next(self) -> bytes:
        """The next attempt; empty at the end."""
        if self._queue is not None:
            message = self._queue.recv(MESSAGE_MAX)
            if not message.endswith(ON_WORK):
                return message
        return self._work.recv_bytes()

    def _listen(self) -> None:
        try:
            while True:
                token, cause = self._control.recv()
                while len(self._tokens) > _CANCELLED_MAX:  # the oldest did not come
                    self._tokens.pop(next(iter(self._tokens)), None)
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
        work, control, *queue = [int(each) for each in sys.argv[1:]]
        messages = socket.socket(fileno=queue[0]) if queue else None
        Child(Connection(work), Connection(control), messages).serve()
    except (EOFError, OSError):
        pass


if __name__ == "__main__":
    main()
