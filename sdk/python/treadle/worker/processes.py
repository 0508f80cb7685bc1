"""InProcess: runs functions in a child process, for handlers that compute.

Each thread of the pool has a child and hands it one attempt at a time. A child that dies costs the
attempt that it ran, and is replaced for the next one. A handler that does not return after it was
cancelled is ended with its process: nothing it does can keep the interpreter of the parent, which
renews leases.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from typing import Callable, Optional

from .. import wire
from ..cancel import TIMEOUT
from .attempts import Attempt
from .child import Begin
from .report import Ending, Report

_END_SECONDS = 1.0  # for a child to end by itself
_START_PAUSE = 1.0  # after a child that could not begin


class InProcess:
    """Of one thread. `kill()` comes from any."""

    def __init__(self, begin: Begin, log: Callable[[str], None]) -> None:
        self._begin = begin
        self._log = log
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._work: Optional[Connection] = None
        self._control: Optional[Connection] = None
        self._start()

    def run(self, attempt: Attempt) -> Report:
        """Sends it, and waits for the report; if the child dies, the attempt has failed."""
        lease = attempt.lease
        attempt.kill = self.kill
        if not self._is_alive() and not self._start():
            time.sleep(_START_PAUSE)
            return Report(lease.token, wire.released(lease.token))
        if attempt.cancelled.is_set():  # while the child began: nobody may be left to end it
            return _cut_short(attempt, "", "")
        try:
            assert self._work is not None
            run = (lease, attempt.deadline_or_none, attempt.limit)
            self._work.send_bytes(pickle.dumps(run, pickle.HIGHEST_PROTOCOL))
            attempt.cancelled.on_cancel(lambda: self._cancel(attempt))
            json, ending = pickle.loads(self._work.recv_bytes())
            return Report(lease.token, json, ending and (lambda: ending))
        except (EOFError, OSError):
            return self._died(attempt)
        except Exception:  # what came is no report, and what follows may be none either
            self.kill()
            return self._died(attempt)

    def kill(self) -> None:
        """Ends the child at once."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """The child ends by itself when its connection is closed."""
        for each in (self._work, self._control):
            if each is not None:
                each.close()
        self._work = self._control = None
        if self._process is not None:
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    # ---- the child ----

    def _is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _start(self) -> bool:
        try:
            return self._started()
        except OSError as error:  # no more descriptors or processes, for now
            self._log(f"a child process could not begin: {error}")
            self.close()
            return False

    def _started(self) -> bool:
        self.close()
        work, its_work = socket.socketpair()
        control, its_control = socket.socketpair()
        with work, its_work, control, its_control:
            descriptors = [its_work.fileno(), its_control.fileno()]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "treadle.worker.child", *map(str, descriptors)],
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                env=_environment(),
            )
            self._work = Connection(work.detach())
            self._control = Connection(control.detach())
        try:
            self._work.send(self._begin)
            answer = self._work.recv()
        except (EOFError, OSError):
            answer = ("broken", "it ended at once")
        if answer[0] == "ready":
            return True
        lines = [each for each in str(answer[1]).splitlines() if each.strip()]
        self._log(f"a child process could not begin: {lines[-1] if lines else 'unknown'}")
        self.close()
        return False

    def _cancel(self, attempt: Attempt) -> None:
        control = self._control
        try:
            if control is not None:
                control.send((attempt.lease.token, attempt.cancelled.cause))
        except (EOFError, OSError):
            pass  # the child has died, and that is reported

    def _died(self, attempt: Attempt) -> Report:
        assert self._process is not None
        status = self._process.wait()
        self.close()
        how = f"exit status {status}" if status >= 0 else _signal_name(-status)
        return _cut_short(attempt, "process_died", f"the process that ran it ended with {how}")


def _cut_short(attempt: Attempt, code: str, message: str) -> Report:
    """An attempt that did not end by itself. Unless it had its time or died, it goes back
    unspent."""
    lease = attempt.lease
    if attempt.cancelled.cause == TIMEOUT:
        code, message = "timeout", f"the attempt took longer than {round(attempt.limit * 1000)} ms"
    elif attempt.cancelled.cause is not None:
        return Report(lease.token, wire.released(lease.token))
    ending = Ending(
        lease.id, lease.type, "failed", time.monotonic() - attempt.begun, lease.attempt,
        lease.max_attempts, code, message,
    )  # fmt: skip
    return Report(lease.token, wire.failed(lease.token, code, message, retry=True), lambda: ending)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _environment() -> dict[str, str]:
    """So that the child finds this package before it is told the parent's path."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": root + (os.pathsep + path if path else "")}
