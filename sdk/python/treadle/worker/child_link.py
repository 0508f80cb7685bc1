"""ChildLink: one child process, and the way to it.

    WORK     what to begin with; attempts that are too large for QUEUE; back come reports
    CONTROL  which attempt to cancel; its end tells the child that the parent is gone
    QUEUE    attempts, each a message. Its other end is open here as well: the kernel gives a
             message to one reader, so `take_back` returns just what the child has not taken

Systems without sockets that keep messages apart (macOS) have no QUEUE. One thread starts, reads and
closes; `kill`, `cancel` and `take_back` come from any.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
from multiprocessing.connection import Connection
from typing import Any, List, Optional, Tuple

from .child import MESSAGE_MAX, ON_WORK, Begin

_END_SECONDS = 1.0  # for a child to end by itself
_RECEIVE_BYTES = 256 << 10
_QUEUE_BYTES = 1 << 20  # the system may allow less
_HEAD = struct.Struct("!i")  # of what a Connection sends
_LONG_HEAD = struct.Struct("!Q")  # behind -1

Answer = Tuple[str, str, Optional[Tuple[Any, ...]], float]
"""Token, report as JSON, the fields of its Ending, and how many seconds the attempt took."""


class ChildLink:
    """See the head of this file. Raises OSError if the child cannot be started, ChildBroken if it
    cannot begin."""

    def __init__(self, begin: Begin) -> None:
        work, its_work = socket.socketpair()
        control, its_control = socket.socketpair()
        self._queue, self._its_queue = _message_sockets()
        self._received = b""
        with work, its_work, control, its_control:
            ends = [its_work, its_control, *([self._its_queue] if self._its_queue else [])]
            descriptors = [each.fileno() for each in ends]
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "treadle.worker.child", *map(str, descriptors)],
                    pass_fds=descriptors,
                    stdin=subprocess.DEVNULL,
                    env=_environment(),
                )
            except OSError:
                for each in (self._queue, self._its_queue):
                    if each is not None:
                        each.close()
                raise
            self._work = Connection(work.detach())
            self._control = Connection(control.detach())
        try:
            self._work.send(begin)
            answer = self._work.recv()
        except (EOFError, OSError):
            answer = ("broken", "it ended at once")
        if answer[0] != "ready":
            self.close()
            lines = [each for each in str(answer[1]).splitlines() if each.strip()]
            raise ChildBroken(lines[-1] if lines else "unknown")
        self._poll = select.poll()
        self._poll.register(self._work.fileno(), select.POLLIN)

    @property
    def has_queue(self) -> bool:
        return self._queue is not None

    def push(self, message: bytes) -> bool:
        """Puts an attempt into QUEUE; False if there is no room for it."""
        if self._queue is None or len(message) > MESSAGE_MAX:
            return False
        try:
            self._queue.send(message)
        except BlockingIOError:
            return False
        return True

    def hand_over(self, message: bytes) -> None:
        """Sends it through WORK. For a child that has nothing to do: it waits until the child takes
        it. Raises OSError if the child dies meanwhile."""
        if self._queue is not None:
            self._queue.send(message.partition(b" ")[0] + ON_WORK)
        self._work.send_bytes(message)

    def take_back(self) -> List[bytes]:
        """All that waits in QUEUE. The child may take some of it meanwhile, from between."""
        messages: List[bytes] = []
        if self._its_queue is None:
            return messages
        try:
            while message := self._its_queue.recv(MESSAGE_MAX, socket.MSG_DONTWAIT):
                messages.append(message)
        except BlockingIOError:
            pass
        return messages

    def wait(self, timeout: Optional[float]) -> List[Answer]:
        """Waits for answers and returns all that have come; none if time was up. Raises EOFError
        or OSError when the child has died, after all that it answered was returned."""
        while not (answers := self._whole_answers()):
            if not self._poll.poll(None if timeout is None else timeout * 1000):
                return []
            received = os.read(self._work.fileno(), _RECEIVE_BYTES)
            if not received:
                raise EOFError
            self._received += received
        return answers

    def cancel(self, token: str, cause: Optional[str]) -> None:
        try:
            self._control.send((token, cause))
        except (EOFError, OSError):
            pass  # the child has died, and that is reported

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Ends the child at once."""
        self._process.kill()

    def wait_for_end(self) -> str:
        """How it ended, in words."""
        status = self._process.wait()
        return f"exit status {status}" if status >= 0 else _signal_name(-status)

    def close(self) -> None:
        """The child ends by itself when its connections are closed."""
        for each in (self._work, self._control, self._queue, self._its_queue):
            if each is not None:
                each.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _whole_answers(self) -> List[Answer]:
        data, at = self._received, 0
        answers: List[Answer] = []
        while len(data) - at >= _HEAD.size:
            begin = at + _HEAD.size
            (size,) = _HEAD.unpack_from(data, at)
            if size == -1:
                begin += _LONG_HEAD.size
                if len(data) < begin:
                    break
                (size,) = _LONG_HEAD.unpack_from(data, at + _HEAD.size)
            if len(data) < begin + size:
                break
            answers.append(pickle.loads(data[begin : begin + size]))
            at = begin + size
        if at > 0:
            self._received = data[at:]
        return answers


class ChildBroken(Exception):
    """The child could not begin; why."""


def _message_sockets() -> Tuple[Optional[socket.socket], Optional[socket.socket]]:
    """What to write to without waiting, and what to read from."""
    try:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    except (AttributeError, OSError):
        return None, None
    ours.setblocking(False)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _QUEUE_BYTES)
    return ours, its


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _environment() -> dict[str, str]:
    """Lets the child find this package before it has the parent's path."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": root + (os.pathsep + path if path else "")}
