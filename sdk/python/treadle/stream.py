"""TaskStream: takes tasks without letting their producers wait, and sends them in their order.

As many go in one request as came while the last one was under way. A thread of its own, which
begins with the first task, sends. Any thread may call. What is still waiting is sent when the
program ends.
"""

from __future__ import annotations

import atexit
import collections
import os
import threading
import time
from concurrent.futures import Future
from typing import Callable, Deque, Iterator, List, NamedTuple, Sequence, Tuple, Union

from .errors import TreadleError
from .task_info import Enqueued

TASKS_MAX = 10_000
BYTES_MAX = 16 << 20
BATCH_MAX = 1_000
REQUEST_BYTES = 4 << 20  # a quarter of what the server takes
_BLAME = frozenset(("INVALID_ARGUMENT", "ALREADY_EXISTS", "FAILED_PRECONDITION"))

Answered = Union[Enqueued, TreadleError]
SendTasks = Callable[[Sequence[str]], List[Enqueued]]


def send_apart(send: SendTasks, tasks: Sequence[str]) -> list[Answered]:
    """What became of each task. When a request is refused for what may be one task's fault, its
    halves are sent apart, until the task that is to blame stands alone."""
    try:
        return list(send(tasks))
    except TreadleError as error:
        if len(tasks) == 1 or error.code not in _BLAME:
            return [error] * len(tasks)
    half = len(tasks) // 2
    return send_apart(send, tasks[:half]) + send_apart(send, tasks[half:])


def bytes_at_most(task: str) -> int:
    """Of JSON on the wire; exact for ASCII."""
    return len(task) if task.isascii() else 4 * len(task)


def in_requests(tasks: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut into what one request may carry."""
    begin = size = 0
    for i, task in enumerate(tasks):
        size += bytes_at_most(task)
        if i > begin and (i - begin == BATCH_MAX or size > REQUEST_BYTES):
            yield tasks[begin:i]
            begin, size = i, bytes_at_most(task)
    if begin < len(tasks):
        yield tasks[begin:]


class _Pending(NamedTuple):
    task: str
    future: Future[Enqueued]


class TaskStream:
    """See the head of this file."""

    def __init__(self, send: SendTasks) -> None:
        self._send = send
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._more = threading.Condition(self._lock)
        self._answered = threading.Condition(self._lock)
        self._waiting: Deque[_Pending] = collections.deque()
        self._tasks = 0  # without an answer
        self._bytes = 0
        self._given = 0
        self._done = 0
        self._sleeps = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def enqueue(self, task: str) -> Future[Enqueued]:
        """Waits only while 10,000 tasks or 16 MiB of them have no answer yet."""
        if self._process != os.getpid():
            self._begin()  # the parent sends what it took
        pending = _Pending(task, Future())
        size = bytes_at_most(task)
        pending.future.set_running_or_notify_cancel()
        with self._lock:
            while self._tasks and (self._tasks >= TASKS_MAX or self._bytes + size > BYTES_MAX):
                self._answered.wait()
            self._tasks += 1
            self._given += 1
            self._bytes += size
            self._waiting.append(pending)
            if self._thread is None:
                self._start()
            if self._sleeps:
                self._sleeps = False
                self._more.notify()
        return pending.future

    def flush(self, timeout: float | None = None) -> bool:
        """Returns once every task that was given before has its answer; False if time was up."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._lock:
            all_of_them = self._given
            while self._done < all_of_them:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self._answered.wait(left)
        return True

    def close(self) -> None:
        """Sends what waits, and ends the thread."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._closed = True
            self._more.notify()
        if thread is not None and self._process == os.getpid():
            thread.join()
            atexit.unregister(self.close)
        self._closed = False

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="treadle-stream", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def _run(self) -> None:
        while True:
            group, size = self._next()
            if not group:
                return
            answers = send_apart(self._send, [each.task for each in group])
            for each, answer in zip(group, answers):
                if isinstance(answer, TreadleError):
                    each.future.set_exception(answer)
                else:
                    each.future.set_result(answer)
            with self._lock:
                self._tasks -= len(group)
                self._bytes -= size
                self._done += len(group)
                self._answered.notify_all()

    def _next(self) -> Tuple[list[_Pending], int]:
        """The next tasks to send, and their size; none at the end."""
        with self._lock:
            while not self._waiting and not self._closed:
                self._sleeps = True
                self._more.wait()
            self._sleeps = False
            group: list[_Pending] = []
            size = 0
            while self._waiting and len(group) < BATCH_MAX and size < REQUEST_BYTES:
                group.append(self._waiting.popleft())
                size += bytes_at_most(group[-1].task)
            return group, size
