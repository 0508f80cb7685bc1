"""InProcess: runs functions in a child process, for handlers that compute.

Each thread of the pool has a child. A child runs one attempt at a time; while tasks are short, some
more wait for it in the socket between the two. It takes the next one only after it has reported the
last one, and what it has not taken can be taken back. So a child that dies costs the attempt that
it ran, and no other: what waited goes to another child, and that does not count for the task.

What waits is also taken back when the attempt before it takes long, when it is no longer wanted,
and when the worker stops. Attempts that are too large to wait there are handed over one by one.

A handler that does not return after it was cancelled is ended with its process: nothing it does can
keep the interpreter of the parent, which renews leases.
"""

from __future__ import annotations

import functools
import pickle
import sys
import threading
import time
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from .. import wire
from ..cancel import TIMEOUT
from .attempt import NEVER, Attempt
from .attempts import Attempts
from .child import Begin
from .child_link import Answer, ChildBroken, ChildLink
from .report import Ending, Report
from .runner import stand_in

_START_PAUSE = 1.0  # after a child that could not begin, or died without an attempt
_SLOW_SECONDS = 0.025  # after which what waits behind an attempt is taken back
_MANY = 8  # attempts under way, whose reports may come together
_GATHER_SECONDS = 0.001

Done = List[Tuple[Attempt, Report]]


class InProcess:
    """Of one thread. `kill()` comes from any, and so does what takes back attempts."""

    def __init__(self, begin: Begin, log: Callable[[str], None]) -> None:
        self._begin = begin
        self._log = log
        self._lock = threading.Lock()
        self._link: Optional[ChildLink] = None
        # What the child has, by token, the oldest first. It runs that one, or is about to.
        self._given: Dict[str, Attempt] = {}
        self._to_give: Sequence[Attempt] = ()
        self._seconds = 0.0  # that what it has done took
        self._is_slow = False  # what it runs now
        self._is_large = False
        self._start()

    def serve(self, attempts: Attempts) -> None:
        """Takes attempts and has them run, until there are no more."""
        attempt = attempts.wait_and_take()
        while attempt is not None:
            try:
                self._run_from(attempts, attempt)
            except BaseException as error:  # or this slot, and its attempts, would be gone
                self._end_all(attempts, attempt, error)
            if self._link is None and not attempts.is_draining:
                self._start()  # before an attempt begins, whose time would count
            attempt = attempts.wait_and_take()

    def kill(self) -> None:
        """Ends the child at once."""
        link = self._link
        if link is not None:
            link.kill()

    def close(self) -> None:
        """Ends the child."""
        with self._lock:
            link, self._link = self._link, None
        if link is not None:
            link.close()

    # ---- attempts ----

    def _run_from(self, attempts: Attempts, first: Attempt) -> None:
        """Until the child has nothing to do."""
        done = self._give([first], attempts)
        while True:
            with self._lock:
                head = next(iter(self._given.values()), None)
            taken = attempts.finish_and_hand(
                done, head, self._ahead(), self._take_back, self._seconds
            )
            self._seconds = 0.0
            done = self._give(taken, attempts)
            if self._given and not done:
                done = self._wait(attempts)
            if not done and not self._given:
                return

    def _ahead(self) -> int:
        """Number of attempts that wait at the child; `sys.maxsize` if none should."""
        has_room = self._link is not None and self._link.has_queue
        if not has_room or self._is_slow or self._is_large:
            return sys.maxsize
        return max(len(self._given) - 1, 0)

    def _give(self, taken: Sequence[Attempt], attempts: Attempts) -> Done:
        """Sends them to the child. Returns what is not for it any more."""
        refused: Done = []
        self._to_give = taken
        if taken and not self._given and not self._is_alive() and not self._start():
            time.sleep(_START_PAUSE)
            refused = [(each, _released(each)) for each in taken]
            taken = ()
        for i, attempt in enumerate(taken):
            if attempt.cancelled.is_set():  # nobody may be left to end it
                refused.append((attempt, _cut_short(attempt, "", "")))
                continue
            attempt.kill = self.kill
            if not self._send(attempt):
                attempts.take_back(taken[i:])
                break
            attempt.cancelled.on_cancel(functools.partial(self._cancel, attempt))
        self._to_give = ()
        return refused

    def _send(self, attempt: Attempt) -> bool:
        """False if it has to wait until the child has nothing to do."""
        link = self._link
        assert link is not None
        deadline = attempt.lease_deadline()
        run = (attempt.lease, None if deadline == NEVER else deadline, attempt.timeout)
        token = attempt.lease.token
        message = token.encode() + b" " + pickle.dumps(run, pickle.HIGHEST_PROTOCOL)
        with self._lock:
            if self._is_large or (self._given and not link.has_queue):
                return False
            is_large = not link.push(message)
            if is_large and self._given:
                return False
            self._is_large = is_large
            self._given[token] = attempt
        if is_large:
            try:
                link.hand_over(message)
            except OSError:
                pass  # the child has died, which is seen when its report is read
        return True

    def _wait(self, attempts: Attempts) -> Done:
        """For reports. None: the attempt takes long, and nothing waits behind it any more."""
        if len(self._given) >= _MANY:
            time.sleep(_GATHER_SECONDS)
        assert self._link is not None
        try:
            may_be_slow = len(self._given) > 1 and not self._is_slow
            answers = self._link.wait(_SLOW_SECONDS if may_be_slow else None)
        except (EOFError, OSError):
            self._died(attempts)
            return []
        if not answers:
            self._is_slow = True
            attempts.recall(self._take_back)
            return []
        with self._lock:
            return self._done(answers)

    def _done(self, answers: Sequence[Answer]) -> Done:
        self._is_slow = self._is_large = False
        self._seconds = sum(each[-1] for each in answers)
        return [(self._given.pop(each[0]), _report(each)) for each in answers]

    def _take_back(self) -> List[Attempt]:
        """All that the child has not taken, but for one, which it is to run."""
        with self._lock:
            if self._link is None or len(self._given) < 2:
                return []
            messages = self._link.take_back()
            if len(messages) == len(self._given):
                self._link.push(messages.pop(0))
            return self._without(messages)

    def _without(self, messages: Sequence[bytes]) -> List[Attempt]:
        """The child may have taken some of those in between."""
        return [self._given.pop(each.partition(b" ")[0].decode()) for each in messages]

    def _cancel(self, attempt: Attempt) -> None:
        link = self._link
        if link is not None:
            link.cancel(attempt.lease.token, attempt.cancelled.cause)

    # ---- the child ----

    def _is_alive(self) -> bool:
        return self._link is not None and self._link.is_alive()

    def _start(self) -> bool:
        self.close()
        try:
            self._link = ChildLink(self._begin)
        except (OSError, ChildBroken) as error:  # no more descriptors or processes, for now
            self._log(f"a child process could not begin: {error}")
            return False
        return True

    def _died(self, attempts: Attempts) -> None:
        """All that it had reported was read before."""
        link = self._link
        assert link is not None
        how = link.wait_for_end()
        with self._lock:
            waited = self._without(link.take_back())
            ran = list(self._given.values())
            self._given.clear()
            self._is_slow = self._is_large = False
        self.close()
        if not ran:
            self._log(f"a child process ended with {how} before it took a task")
            time.sleep(_START_PAUSE)
        attempts.take_back(waited)
        message = f"the process that ran it ended with {how}"
        for attempt in ran:
            attempts.finish(attempt, _cut_short(attempt, "process_died", message))

    def _end_all(self, attempts: Attempts, first: Attempt, error: BaseException) -> None:
        """What came from the child is no report, and what follows may be none either."""
        self.kill()
        with self._lock:
            ended = dict.fromkeys((first, *self._given.values(), *self._to_give))
            self._given.clear()
            self._to_give = ()
            self._is_slow = self._is_large = False
        self.close()
        for attempt in ended:
            attempts.finish(attempt, stand_in(attempt.lease, error))


def _report(answer: Answer) -> Report:
    token, json, ending, _ = answer
    if ending is None:
        return Report(token, json)
    fields = ending
    return Report(token, json, lambda: Ending(*fields))


def _released(attempt: Attempt) -> Report:
    return Report(attempt.lease.token, wire.released(attempt.lease.token))


def _cut_short(attempt: Attempt, code: str, message: str) -> Report:
    """An attempt that did not end by itself. Unless it had its time or died, it goes back
    unspent."""
    lease = attempt.lease
    if attempt.cancelled.cause == TIMEOUT:
        code, message = "timeout", f"the attempt took longer than {round(attempt.limit * 1000)} ms"
    elif attempt.cancelled.cause is not None:
        return _released(attempt)
    ending = Ending(
        lease.id, lease.type, "failed", time.monotonic() - attempt.begun, lease.attempt,
        lease.max_attempts, code, message,
    )  # fmt: skip
    return Report(lease.token, wire.failed(lease.token, code, message, retry=True), lambda: ending)
