"""Attempts: what a worker holds: leases that wait or run, and reports to be delivered.

Any thread may call it. `changed` is called without a lock held when reports become ready or a task
is gone; it must not call back. Runners take attempts of their kind and give them back with a
report. One thread watches time: it cancels attempts whose time is up, gives up those that do not
return, and gives back leases that were fetched ahead and do not get their turn.

A thread that takes one lease and leaves others wakes one more thread, which does the same: short
tasks are then run by few threads without a handoff for each, and long ones still get a thread each.

A runner may take leases ahead of their turn ("handed"), and give them back while they have not
begun: child processes have short tasks waiting at their end, so that a task is not a round trip.
Whoever wants a handed lease for something else recalls it first. What then is still handed counts
as running: its runner is about to begin it, or has.
"""

from __future__ import annotations

import collections
import threading
import time
from typing import (
    Callable,
    Deque,
    Dict,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from .. import cancel, wire
from ..wire import Lease
from .attempt import COROUTINE, FUNCTION, NEVER, Attempt, Recall
from .report import Ending, Report

_LEASE_MS_DEFAULT = 30_000
_MANY_REPORTS = 100
_REPORT_DELAY = 0.001
_AHEAD_SECONDS = 0.02  # of work that may wait for its turn here
_AHEAD_MAX = 400
_TURN_SECONDS = 0.25  # after which a waiting lease is given back if all slots are taken
_LEARNED = 20  # attempts after which the mean is worth something
_HANDED_SECONDS = 0.005  # of work that may wait for its turn at one runner
_HANDED_MAX = 100


class Attempts:
    """See the head of this file. `timeouts`: seconds by type. `coroutines`: the types of their
    kind. `slots`: how many may run, all together and of each kind."""

    def __init__(
        self,
        *,
        slots: int,
        function_slots: int,
        prefetch: bool,
        cancel_wait: float,
        timeouts: Mapping[str, float],
        coroutines: Iterable[str],
        changed: Callable[[], None],
    ) -> None:
        self._slots = slots
        self._kind_slots = (function_slots, slots)
        self._prefetch = prefetch
        self._cancel_wait = cancel_wait
        self._timeouts = timeouts
        self._coroutines = frozenset(coroutines)
        self._changed = changed
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._watching = threading.Condition(self._lock)
        self._waiting: tuple[Deque[Attempt], Deque[Attempt]] = (
            collections.deque(), collections.deque(),
        )  # fmt: skip
        self._running: Dict[str, Attempt] = {}
        self._handed: Dict[str, Attempt] = {}
        self._kind_running = [0, 0]
        self._reports: Deque[Report] = collections.deque()
        self._oldest_report = 0.0
        self._next_watch = NEVER
        self._idle = 0
        self._is_waking = False
        self._shortest_lease_ms = _LEASE_MS_DEFAULT
        self._mean = 0.0  # seconds of an attempt
        self._ended = 0
        self._draining = False
        self._closed = False
        self._watcher: Optional[threading.Thread] = None
        # Set by the station: makes one more runner of functions; wakes the event loop.
        self.start_thread: Callable[[], bool] = lambda: False
        self.wake_loop: Callable[[], None] = lambda: None

    # ---- for the exchange with the server ----

    def put(self, leases: Sequence[Lease], repeated: bool) -> None:
        """Takes over leases. `repeated`: the server may have given some of them before."""
        now = time.monotonic()
        superseded: List[Attempt] = []
        with self._lock:
            for lease in leases:
                if repeated and self._is_held(lease.token):
                    continue
                superseded += self._superseded(lease)
                if 0 < lease.lease_ms < self._shortest_lease_ms:
                    self._shortest_lease_ms = lease.lease_ms
                if self._draining:
                    self._add(Report(lease.token, wire.released(lease.token)))
                else:
                    kind = COROUTINE if lease.type in self._coroutines else FUNCTION
                    attempt = Attempt(lease, kind, now)
                    if self._timeouts:
                        attempt.timeout = self._timeouts.get(lease.type, NEVER)
                    self._waiting[kind].append(attempt)
            self._watch_by(now + _TURN_SECONDS)
            wakes_loop = self._wake()
        self._cut(superseded, cancel.LEASE_LOST)
        if wakes_loop:
            self.wake_loop()

    def _superseded(self, lease: Lease) -> List[Attempt]:
        """Attempts at the same task that still run here: a newer lease says that theirs is lost."""
        if lease.token.startswith(f"{lease.id}.1."):
            return []
        if any(each.lease.id == lease.id for each in self._handed.values()):
            self._recall_all()
        begun = (*self._running.values(), *self._handed.values())
        found = [each for each in begun if each.lease.id == lease.id]
        for each in found:
            each.dropped = True
        return found

    def _is_held(self, token: str) -> bool:
        return (
            token in self._running
            or token in self._handed
            or any(each.lease.token == token for queue in self._waiting for each in queue)
            or any(each.token == token for each in self._reports)
        )

    def lose(self, tokens: Sequence[str]) -> int:
        """The server gave these to others, or ended them: they are dropped, what runs is cancelled.
        Returns how many were still held."""
        lost = set(tokens)
        to_cancel: List[Attempt] = []
        with self._lock:
            self._recall_named(lost)
            count = 0
            for queue in self._waiting:
                kept = [each for each in queue if each.lease.token not in lost]
                count += len(queue) - len(kept)
                queue.clear()
                queue.extend(kept)
            for token in lost:
                attempt = self._running.get(token) or self._handed.get(token)
                if attempt is not None and not attempt.dropped:
                    attempt.dropped = True
                    to_cancel.append(attempt)
        self._cut(to_cancel, cancel.LEASE_LOST)
        return count + len(to_cancel)

    def cancel(self, tokens: Sequence[str]) -> None:
        """Someone asked for the end of these tasks: what runs is cancelled, what waits released."""
        named = set(tokens)
        with self._lock:
            self._recall_named(named)
            for queue in self._waiting:
                for each in [each for each in queue if each.lease.token in named]:
                    queue.remove(each)
                    self._add(Report(each.lease.token, wire.released(each.lease.token)))
            begun = {**self._running, **self._handed} if self._handed else self._running
            to_cancel = [begun[token] for token in named if token in begun]
        self._cut(to_cancel, cancel.REQUESTED)

    def free(self) -> int:
        """How many more leases are wanted: free slots, and some ahead while tasks are short."""
        with self._lock:
            if self._draining:
                return 0
            return max(self._slots + self._ahead() - self._held(), 0)

    def _ahead(self) -> int:
        if not self._prefetch or self._ended < _LEARNED or self._mean <= 0:
            return 0
        ahead = int(_AHEAD_SECONDS * self._slots / self._mean)
        return 0 if ahead < self._slots else min(ahead, _AHEAD_MAX, wire.ITEMS_MAX - self._slots)

    def held(self) -> int:
        with self._lock:
            return self._held()

    def _held(self) -> int:
        waiting = len(self._waiting[0]) + len(self._waiting[1])
        return len(self._running) + len(self._handed) + waiting

    def held_tokens(self) -> List[str]:
        with self._lock:
            begun = (*self._running.values(), *self._handed.values())
            tokens = [each.lease.token for each in begun if not each.dropped]
            for queue in self._waiting:
                tokens += [each.lease.token for each in queue]
            return tokens

    def running_tasks(self) -> List[str]:
        """IDs of those that are still to be reported."""
        with self._lock:
            return [each.lease.id for each in self._running.values() if not each.dropped]

    def shortest_lease_ms(self) -> int:
        return self._shortest_lease_ms

    def reports_due_at(self) -> float:
        """Infinite if there are none. While tasks still follow one another, a little later than
        now, so that one exchange carries many."""
        with self._lock:
            if not self._reports:
                return NEVER
            if not (self._waiting[0] or self._waiting[1]) or len(self._reports) >= wire.ITEMS_MAX:
                return self._oldest_report
            return self._oldest_report + _REPORT_DELAY

    def take_reports(self) -> List[Report]:
        """The oldest ones, within what one exchange may carry."""
        taken: List[Report] = []
        size = 0
        with self._lock:
            while self._reports and len(taken) < wire.ITEMS_MAX and size < wire.REPORT_BYTES_MAX:
                if taken and (taken[-1].goes_alone or self._reports[0].goes_alone):
                    break
                json = self._reports[0].json
                size += len(json) if json.isascii() else 4 * len(json)
                taken.append(self._reports.popleft())
        return taken

    def has_many_reports(self) -> bool:
        """Whether they are worth an exchange of their own, beside one that is under way."""
        return len(self._reports) >= _MANY_REPORTS

    def put_back(self, reports: Sequence[Report]) -> None:
        """Reports that did not get through come first again."""
        with self._lock:
            if not self._reports:
                self._oldest_report = time.monotonic()
            self._reports.extendleft(reversed(reports))

    # ---- for runners ----

    def take(self, kind: int) -> Optional[Attempt]:
        """The next attempt of this kind; None if none may begin now."""
        with self._lock:
            return self._take(kind)

    def wait_and_take(self) -> Optional[Attempt]:
        """For threads that run functions: waits for one; None at the end."""
        with self._lock:
            while True:
                if self._closed:
                    return None
                attempt = self._take(FUNCTION)
                if attempt is not None:
                    return attempt
                self._idle += 1
                self._work.wait()
                self._idle -= 1
                self._is_waking = False

    def finish(self, attempt: Attempt, report: Report) -> None:
        """The attempt has ended; the report is dropped if nobody wants it any more."""
        with self._lock:
            tells = self._finish(attempt, report)
            wakes_loop = self._wake()
        if tells:
            self._changed()
        if wakes_loop:
            self.wake_loop()

    def finish_and_take(self, attempt: Attempt, report: Report) -> Optional[Attempt]:
        """Both at once, for threads that run functions one after the other; None: none waits."""
        with self._lock:
            tells = self._finish(attempt, report)
            next_attempt = self._take(FUNCTION)
            wakes_loop = next_attempt is None and self._wake()
        if tells:
            self._changed()
        if wakes_loop:
            self.wake_loop()
        return next_attempt

    def finish_and_hand(
        self,
        done: Sequence[Tuple[Attempt, Report]],
        head: Optional[Attempt],
        ahead: int,
        recall: Recall,
        seconds: float,
    ) -> List[Attempt]:
        """For a runner at which attempts can wait. Finishes what is done, which took `seconds` to
        run. Begins `head`, the next attempt that waits there, or takes one if none does. Hands over
        more until some milliseconds of work wait; `ahead` attempts already do. Leaves other runners
        what they are free for. Returns what it took and handed over."""
        tells = False
        taken: List[Attempt] = []
        with self._lock:
            if seconds > 0:
                self._mean += (seconds / len(done) - self._mean) * (1 - 0.9 ** len(done))
            for attempt, report in done:
                tells = self._finish(attempt, report, learns=False) or tells
            if head is None:
                head = self._take(FUNCTION)
                taken += [head] if head is not None else []
            elif self._handed.pop(head.lease.token, None) is not None:
                self._begin(head)
            if head is not None:
                taken += self._hand(self._window() - ahead, recall)
            wakes_loop = not taken and self._wake()
        if tells:
            self._changed()
        if wakes_loop:
            self.wake_loop()
        return taken

    def recall(self, recall: Recall) -> None:
        """What waits for a runner is for others now, unless it has begun."""
        with self._lock:
            self._take_back(recall())
            wakes_loop = self._wake()
        if wakes_loop:
            self.wake_loop()

    def _window(self) -> int:
        if not self._prefetch or self._ended < _LEARNED or self._mean <= 0 or self._closed:
            return 0
        return min(int(_HANDED_SECONDS / self._mean), _HANDED_MAX)

    def _hand(self, number: int, recall: Recall) -> List[Attempt]:
        queue = self._waiting[FUNCTION]
        free = self._kind_slots[FUNCTION] - self._kind_running[FUNCTION]
        handed: List[Attempt] = []
        for _ in range(min(number, len(queue) - free)):
            attempt = queue.popleft()
            attempt.recall = recall
            self._handed[attempt.lease.token] = attempt
            handed.append(attempt)
        return handed

    def take_back(self, attempts: Sequence[Attempt]) -> None:
        """What a runner was given and has not begun. It waits again, before all others; none of
        this counts for the task."""
        with self._lock:
            self._take_back(attempts)
            wakes_loop = self._wake()
        self._changed()
        if wakes_loop:
            self.wake_loop()

    def _take_back(self, attempts: Sequence[Attempt]) -> None:
        for attempt in reversed(attempts):
            token = attempt.lease.token
            if self._running.pop(token, None) is not None:
                self._kind_running[attempt.kind] -= 1
            elif self._handed.pop(token, None) is None:
                continue
            attempt.recall = attempt.kill = None
            attempt.begun, attempt.deadline = 0.0, attempt.lease_deadline()
            if attempt.dropped:
                continue
            if self._draining or attempt.cancelled.is_set():
                self._add(Report(token, wire.released(token)))
            else:
                self._waiting[attempt.kind].appendleft(attempt)
                self._watch_by(attempt.put_at + _TURN_SECONDS)

    def _recall_named(self, tokens: Set[str]) -> None:
        if self._handed and not tokens.isdisjoint(self._handed):
            self._recall_all()

    def _recall_all(self) -> None:
        """What is handed waits again, unless it has begun."""
        for recall in {each.recall for each in self._handed.values()}:
            if recall is not None:
                self._take_back(recall())

    def _take(self, kind: int) -> Optional[Attempt]:
        queue = self._waiting[kind]
        if not queue or len(self._running) >= self._slots or self._closed:
            return None
        if self._kind_running[kind] >= self._kind_slots[kind]:
            return None
        attempt = queue.popleft()
        self._begin(attempt)
        if queue and kind == FUNCTION and not self._is_waking:
            self._wake()
        return attempt

    def _begin(self, attempt: Attempt) -> None:
        attempt.begun = now = time.monotonic()
        attempt.deadline = min(now + attempt.timeout, attempt.deadline)
        if attempt.deadline != NEVER:
            attempt.limit = attempt.deadline - now
            self._watch_by(attempt.deadline)
        self._running[attempt.lease.token] = attempt
        self._kind_running[attempt.kind] += 1

    def _finish(self, attempt: Attempt, report: Report, learns: bool = True) -> bool:
        token = attempt.lease.token
        if self._running.pop(token, None) is not None:
            self._kind_running[attempt.kind] -= 1
        elif self._handed.pop(token, None) is None:
            return False
        self._ended += 1
        if learns:
            self._mean += (time.monotonic() - attempt.begun - self._mean) * 0.1
        is_first = not self._reports
        if not attempt.dropped:
            self._add(report)
        return (
            is_first
            or len(self._reports) == _MANY_REPORTS
            or not (self._waiting[0] or self._waiting[1])
            or self._draining
        )

    def _wake(self) -> bool:
        """Sees to it that what waits is run; whether the loop is to be woken."""
        if self._closed or len(self._running) >= self._slots:
            return False
        if (
            self._waiting[FUNCTION]
            and not self._is_waking
            and self._kind_running[FUNCTION] < self._kind_slots[FUNCTION]
        ):
            if self._idle > 0:
                self._is_waking = True
                self._work.notify()
            elif self.start_thread():
                self._is_waking = True
        return bool(self._waiting[COROUTINE])

    def thread_came(self) -> None:
        """A thread that start_thread() made has begun."""
        with self._lock:
            self._is_waking = False

    def _add(self, report: Report) -> None:
        if not self._reports:
            self._oldest_report = time.monotonic()
        self._reports.append(report)

    # ---- time ----

    def start(self) -> None:
        """Begins to watch the time."""
        self._watcher = threading.Thread(target=self._watch, name="treadle-watch", daemon=True)
        self._watcher.start()

    def _watch_by(self, at: float) -> None:
        if at < self._next_watch:
            self._next_watch = at
            self._watching.notify()

    def _watch(self) -> None:
        while True:
            late: List[Attempt] = []
            given_up: List[Attempt] = []
            with self._lock:
                if self._closed:
                    return
                now = time.monotonic()
                had_reports = len(self._reports)
                self._next_watch = min(self._end_late(now, late, given_up), self._give_back(now))
                reported = len(self._reports) > had_reports
                if not late and not reported and not given_up:
                    limit = min(max(self._next_watch - now, 0.001), 3600.0)
                    self._watching.wait(limit)
            self._cut(late, cancel.TIMEOUT)
            for attempt in given_up:
                if attempt.kill is not None:
                    attempt.kill()
            if reported:
                self._changed()

    def _end_late(self, now: float, late: List[Attempt], given_up: List[Attempt]) -> float:
        next_at = NEVER
        for attempt in self._running.values():
            if attempt.give_up_at <= now:
                attempt.give_up_at = NEVER
                given_up.append(attempt)
                if attempt.timed_out and not attempt.dropped:
                    attempt.dropped = True
                    self._add(_gave_up(attempt, now))
            elif not attempt.timed_out and not attempt.dropped and attempt.deadline <= now:
                attempt.timed_out = True
                late.append(attempt)
            next_at = min(next_at, attempt.give_up_at)
            if not attempt.timed_out and not attempt.dropped:
                next_at = min(next_at, attempt.deadline)
        return next_at

    def _give_back(self, now: float) -> float:
        """Leases that were fetched ahead, and wait behind tasks that turned out to be long."""
        next_at = NEVER
        for kind, queue in enumerate(self._waiting):
            is_full = (
                len(self._running) >= self._slots
                or self._kind_running[kind] >= self._kind_slots[kind]
            )
            while queue and is_full and queue[0].put_at + _TURN_SECONDS <= now:
                token = queue.popleft().lease.token
                self._add(Report(token, wire.released(token)))
                # Or the same would be fetched ahead again at once.
                self._mean = max(self._mean, _TURN_SECONDS)
            if queue:
                next_at = min(next_at, max(queue[0].put_at, now) + _TURN_SECONDS)
        return next_at

    def _cut(self, attempts: Iterable[Attempt], cause: str) -> None:
        for attempt in attempts:
            if attempt.cancelled.cancel(cause):
                give_up_at = time.monotonic() + self._cancel_wait
                with self._lock:
                    attempt.give_up_at = give_up_at
                    self._watch_by(give_up_at)

    # ---- for the end ----

    def drain(self) -> None:
        """Leases that wait, and those that still come, are released; what runs goes on."""
        with self._lock:
            self._recall_all()
            self._draining = True
            for queue in self._waiting:
                for each in queue:
                    self._add(Report(each.lease.token, wire.released(each.lease.token)))
                queue.clear()

    def cancel_running(self) -> None:
        """Asks all that runs to stop."""
        with self._lock:
            running = [*self._running.values(), *self._handed.values()]
        self._cut(running, cancel.SHUTDOWN)

    def release_running(self) -> None:
        """Releases the leases of all that still runs; what it brings is dropped, and what can be
        ended by force is."""
        with self._lock:
            running = [*self._running.values(), *self._handed.values()]
            for attempt in running:
                if not attempt.dropped:
                    attempt.dropped = True
                    token = attempt.lease.token
                    self._add(Report(token, wire.released(token)))
        for attempt in running:
            if attempt.kill is not None:
                attempt.kill()
        self._changed()

    @property
    def is_draining(self) -> bool:
        return self._draining or self._closed

    def is_busy(self) -> bool:
        """True while something waits, runs, or has its report not taken yet."""
        with self._lock:
            begun = (*self._running.values(), *self._handed.values())
            runs = any(not each.dropped for each in begun)
            return runs or bool(self._waiting[0] or self._waiting[1] or self._reports)

    def close(self) -> None:
        """Ends the threads that wait for work."""
        with self._lock:
            self._closed = True
            self._work.notify_all()
            self._watching.notify_all()
        if self._watcher is not None:
            self._watcher.join()


def _gave_up(attempt: Attempt, now: float) -> Report:
    lease = attempt.lease
    message = "the attempt took too long, and its handler did not return"
    ending = Ending(
        lease.id, lease.type, "failed", now - attempt.begun, lease.attempt, lease.max_attempts,
        "timeout", "" if lease.sensitive else message,
    )  # fmt: skip
    return Report(
        lease.token, wire.failed(lease.token, "timeout", message, retry=True), lambda: ending
    )
