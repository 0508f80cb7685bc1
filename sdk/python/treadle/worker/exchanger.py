"""Exchanger: a worker's conversation with its server, one stream of exchanges with rising sequence.

Two threads ("lanes") with a connection each, of which one usually holds a parked long poll: a
report goes out at once on the other, and the server then ends the older poll. While there is much
to report, both are at work, and an exchange is under way before the last one's answer is in. An
exchange that was not answered is sent again, with its sequence, its reports and its wish, before
anything newer, for as long as it takes: the server's answers are the same again. Any thread may
call it.

The lanes also renew leases. They need the interpreter for some microseconds to do so, and get it
while handlers compute, too; only code that keeps the interpreter for seconds keeps them from it,
and belongs into child processes.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from .. import wire
from ..address import Address
from ..backoff import Backoff
from ..connection import Connection
from ..errors import PASSING, REFUSALS, TreadleError
from ..wire import ExchangeAnswer, ExchangeWriter
from .attempts import Attempts
from .report import Ending, Report

_LANES = 2
_ANSWER_SECONDS = 15.0  # a healthy server answers within this, beyond the wait it was asked for
_AT_ONCE = 0.1  # an answer that came sooner has not waited for news
_NOTHING_MAX = 2  # answers at once that bring nothing: a race, perhaps
_BEFORE_PARKING = 0.005  # a full worker's first reports often follow at once
_NEVER = float("inf")

Ended = List[Tuple[Ending, Dict[str, Any]]]
"""Attempts whose reports were taken, with the server's answers."""


class ExchangerOptions(NamedTuple):
    """`log` takes one line; `ended` is called from the lanes without a lock, and so is `progressed`
    when the exchanger drains or has given up, and may be closer to its end."""

    servers: Sequence[Address]
    token: str
    connect_timeout: float
    worker: str
    build: str
    queues: Sequence[str]
    types: Sequence[str]
    poll_wait: float
    goodbye: float  # seconds for the server to take the last exchange
    log: Callable[[str], None]
    ended: Callable[[Ended], None]
    progressed: Callable[[], None]


class _Exchange:
    __slots__ = (
        "sequence",
        "want",
        "wait_ms",
        "answered",
        "repeated",
        "asked_at",
        "renew",
        "reports",
    )

    def __init__(self, sequence: int, wait_ms: int, answered: int) -> None:
        self.sequence = sequence
        self.want = 0
        self.wait_ms = wait_ms
        self.answered = answered
        self.repeated = False
        self.asked_at = 0.0
        self.renew: List[str] = []
        self.reports: List[Report] = []

    @property
    def parks(self) -> bool:
        """It may hang on at the server, and a newer one may go beside it."""
        return not self.reports and not self.repeated


class Exchanger:
    """See the head of this file."""

    def __init__(self, options: ExchangerOptions, attempts: Attempts) -> None:
        self._options = options
        self._attempts = attempts
        self._writer = ExchangeWriter(
            options.worker, options.build, os.urandom(8).hex(), options.queues, options.types
        )
        self._types = frozenset(options.types)
        self._connections = [self._connect(options.connect_timeout) for _ in range(_LANES)]
        self._threads: List[threading.Thread] = []
        self._lock = threading.Lock()  # may be held while `attempts` is called, never the other way
        self._wake = threading.Condition(self._lock)
        self._sequence = 0  # of the newest exchange
        self._in_flight: List[_Exchange] = []
        self._unanswered: List[_Exchange] = []  # by sequence
        self._retry_at = 0.0
        self._renew_at = 0.0
        self._quiet_since = 0.0  # the last answer
        self._lost_since: Optional[float] = None  # no answer since
        self._lost_code = ""  # what was logged about that
        self._said_nothing = 0  # answers at once, one after the other
        self._backoff = Backoff()
        self._failure: Optional[TreadleError] = None
        self._ended: Ended = []  # still to be told
        self._draining = False
        self._stopped = False
        self._has_left = False

    def _connect(self, connect_timeout: float) -> Connection:
        options = self._options
        return Connection(options.servers, token=options.token, connect_timeout=connect_timeout)

    def start(self) -> None:
        """Begins to ask for tasks. Once."""
        for i, connection in enumerate(self._connections):
            thread = threading.Thread(
                target=self._run_lane, args=(connection,), name=f"treadle-lane-{i}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def changed(self) -> None:
        """There are reports, or a task less."""
        with self._lock:
            draining = self._draining
            self._wake.notify()
        if draining:
            self._options.progressed()

    def drain(self) -> None:
        """Asks for no more tasks; reports and renewals go on. `attempts` must be draining."""
        with self._lock:
            self._draining = True
            self._wake.notify_all()

    def is_idle(self) -> bool:
        """True when nothing runs, all reports are answered, and no lease is on its way as far as
        anyone can know."""
        with self._lock:
            if self._attempts.is_busy():
                return False
            for each in self._in_flight:
                if each.reports or (each.want > 0 and self._lost_since is None):
                    return False
            return not any(each.reports for each in self._unanswered)

    @property
    def failure(self) -> Optional[TreadleError]:
        """Why the exchanger gave up: the server refuses this worker for good."""
        return self._failure

    def stop(self) -> int:
        """Ends the calls under way and the threads, and says goodbye, with what is still to be
        reported; the server then releases whatever this worker holds. Returns how many reports did
        not arrive."""
        with self._lock:
            self._stopped = True
            self._wake.notify_all()
        for connection in self._connections:
            connection.cancel()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        for connection in self._connections:
            connection.close()
        return self._say_goodbye()

    def _say_goodbye(self) -> int:
        """Without it, the server would wait until the leases end, and count this worker as lost."""
        with self._lock:
            if self._has_left:
                return 0
            self._has_left = True
            reports = [report for each in self._unanswered for report in each.reports]
            self._unanswered.clear()
            reports += self._attempts.take_reports()
            has_gone = (
                self._sequence == 0 or self._lost_since is not None or self._failure is not None
            )
            if has_gone or self._options.goodbye == 0:
                return len(reports)
            self._sequence += 1
            last = _Exchange(self._sequence, 0, self._sequence - 1)
        sent, unsent = reports[: wire.ITEMS_MAX], len(reports[wire.ITEMS_MAX :])
        last.reports = sent
        connection = self._connect(min(self._options.connect_timeout, self._options.goodbye))
        try:
            answer = self._ask(connection, last, is_last=True)
        except TreadleError:
            return len(reports)
        finally:
            connection.close()
        return unsent + sum(each.get("code") in PASSING for each in answer.reports)

    # ---- the lanes ----

    def _run_lane(self, connection: Connection) -> None:
        while True:
            exchange = self._next()
            if exchange is None:
                return
            try:
                answer = self._ask(connection, exchange)
            except TreadleError as error:
                self._settle(exchange, None, error)
            else:
                self._settle(exchange, answer, None)

    def _next(self) -> Optional[_Exchange]:
        with self._lock:
            while not self._stopped:
                now = time.monotonic()
                exchange, wake_at = self._next_at(now)
                if exchange is not None:
                    exchange.asked_at = now
                    self._in_flight.append(exchange)
                    return exchange
                self._wake.wait(min(wake_at - now, 3600.0))
            return None

    def _next_at(self, now: float) -> Tuple[Optional[_Exchange], float]:
        if now < self._retry_at:
            return None, self._retry_at
        if len(self._in_flight) == _LANES:
            return None, _NEVER
        if self._unanswered:
            return self._take_unanswered(now), 0
        if self._sequence - self._answered_before(self._sequence + 1) >= wire.IN_FLIGHT_MAX:
            return None, _NEVER  # an old one may take long to end
        if self._in_flight and not self._in_flight[0].parks:
            return self._beside_busy(now), _NEVER
        want = self._attempts.free()
        due = self._new_is_due_at(now, want)
        return (self._make_new(now, want), 0) if due <= now else (None, due)

    def _beside_busy(self, now: float) -> Optional[_Exchange]:
        """Beside one that brings reports or takes tasks: only with much to say, or all would be cut
        in two."""
        if not self._attempts.has_many_reports():
            return None
        return self._make_new(now, max(self._attempts.free() - self._in_flight[0].want, 0))

    def _new_is_due_at(self, now: float, want: int) -> float:
        reports_at = self._attempts.reports_due_at()
        renew_at = self._renew_at if self._attempts.held() > 0 else _NEVER
        if self._in_flight:
            parked_want = self._in_flight[0].want
            if want > parked_want or (self._draining and parked_want > 0):
                return now
            return min(reports_at, renew_at)
        if reports_at != _NEVER:
            return min(reports_at, renew_at)
        if want > 0:
            return now
        return min(renew_at, self._quiet_since + _BEFORE_PARKING)

    def _make_new(self, now: float, want: int) -> _Exchange:
        self._sequence += 1
        wait_ms = round(self._options.poll_wait * 1000)
        exchange = _Exchange(self._sequence, wait_ms, self._answered_before(self._sequence))
        promised = self._attempts.held() + sum(each.want for each in self._in_flight)
        exchange.want = min(want, max(wire.ITEMS_MAX - promised, 0))
        exchange.reports = self._attempts.take_reports()
        if now >= self._renew_at:
            self._renew(now, exchange)
        return exchange

    def _take_unanswered(self, now: float) -> _Exchange:
        exchange = self._unanswered.pop(0)
        exchange.repeated = True
        exchange.wait_ms = 0
        exchange.answered = self._answered_before(exchange.sequence)
        self._renew(now, exchange)
        return exchange

    def _renew(self, now: float, exchange: _Exchange) -> None:
        exchange.renew = self._attempts.held_tokens()[: wire.ITEMS_MAX]
        self._renew_at = now + self._attempts.shortest_lease_ms() / 3000

    def _answered_before(self, sequence: int) -> int:
        for each in self._in_flight:
            sequence = min(sequence, each.sequence)
        for each in self._unanswered:
            sequence = min(sequence, each.sequence)
        return sequence - 1

    def _ask(
        self, connection: Connection, exchange: _Exchange, *, is_last: bool = False
    ) -> ExchangeAnswer:
        body = self._writer.write(
            exchange.sequence,
            exchange.answered,
            exchange.want,
            exchange.wait_ms,
            exchange.renew,
            [each.json for each in exchange.reports],
            goodbye=is_last,
        )
        timeout = self._options.goodbye if is_last else exchange.wait_ms / 1000 + _ANSWER_SECONDS
        answer = connection.call("POST", "/v1/exchange", body, timeout=timeout)
        return wire.read_exchange(answer.body)

    # ---- answers ----

    def _settle(
        self,
        exchange: _Exchange,
        answer: Optional[ExchangeAnswer],
        error: Optional[TreadleError],
    ) -> None:
        with self._lock:
            self._in_flight.remove(exchange)
            if answer is not None:
                self._apply(exchange, answer)
            elif error is not None:
                self._fail(exchange, error)
            self._wake.notify_all()
            ended, self._ended = self._ended, []
            is_ending = self._draining or self._failure is not None
        if ended:
            self._options.ended(ended)
        if is_ending:
            self._options.progressed()

    def _apply(self, exchange: _Exchange, answer: ExchangeAnswer) -> None:
        self._quiet_since = now = time.monotonic()
        if self._lost_since is not None:
            away = round((now - self._lost_since) * 1000)
            self._options.log(f"the server is back after {away} ms")
            self._lost_since = None
        lost = self._attempts.lose(answer.lost) if answer.lost else 0
        if lost:
            self._options.log(
                f"{lost} lease(s) lost, the first of {answer.lost[0]}: "
                "cancelled here, run again elsewhere"
            )
        if answer.cancelled:
            self._attempts.cancel(answer.cancelled)
        says_something = self._says_something(exchange, answer, lost)
        is_reported = self._apply_reports(exchange.reports, answer.reports)
        if says_something:
            self._said_nothing = 0
        if is_reported and says_something:
            self._backoff.reset()
        else:
            self._note_nothing(is_reported)
        if answer.leases:
            self._attempts.put(answer.leases, exchange.repeated)
            self._renew_at = min(self._renew_at, now + self._attempts.shortest_lease_ms() / 3000)

    def _note_nothing(self, is_reported: bool) -> None:
        if is_reported:
            self._said_nothing += 1
            if self._said_nothing <= _NOTHING_MAX:
                return
            if self._said_nothing == _NOTHING_MAX + 1:
                self._options.log(
                    "the server answers at once that there is nothing, though it was asked "
                    "to wait; asking less often"
                )
        self._retry_later(0)

    def _says_something(self, exchange: _Exchange, answer: ExchangeAnswer, lost: int) -> bool:
        """Else it was no answer worth asking for again at once. One that a newer exchange has ended
        says nothing either, and is as it should be."""
        return (
            any(each.type in self._types for each in answer.leases)
            or lost > 0
            or bool(exchange.reports)
            or exchange.repeated
            or exchange.sequence != self._sequence
            or self._quiet_since - exchange.asked_at >= _AT_ONCE
        )

    def _apply_reports(self, reports: List[Report], answers: List[Dict[str, Any]]) -> bool:
        """False if some must be sent again."""
        again: List[Report] = []
        fallbacks: List[Report] = []
        for i, report in enumerate(reports):
            answer = answers[i] if i < len(answers) else {}
            if answer.get("token") != report.token:
                answer = next((each for each in answers if each.get("token") == report.token), {})
            code = answer.get("code", "UNKNOWN")
            if code == "OK":
                if report.ending is not None:
                    self._ended.append((report.ending(), answer))
            elif code in PASSING:
                again.append(report)
            elif code == "INVALID_ARGUMENT" and not report.is_fallback:
                why = str(answer.get("detail", ""))
                self._options.log(f"the server cannot take the report for {report.token}: {why}")
                json = wire.failed(report.token, "result_invalid", why, retry=False)
                fallbacks.append(Report(report.token, json, is_fallback=True))
            else:
                detail = answer.get("detail", "")
                self._options.log(
                    f"the report for {report.token} was refused and is dropped: {code} {detail}"
                )
        if again:
            self._attempts.put_back(again)
        if fallbacks:
            self._attempts.put_back(fallbacks)
        return not again

    def _send_apart(self, reports: List[Report], why: TreadleError) -> None:
        """One of the reports may be why the server refused them all. Each goes alone now; one that
        is refused alone is replaced by the failure of its attempt, and that, at last, is dropped:
        its lease ends by itself."""
        if len(reports) == 1:
            report = reports[0]
            self._options.log(f"the server cannot take the report for {report.token}: {why.detail}")
            if report.is_fallback:
                return
            json = wire.failed(report.token, "report_invalid", why.detail, retry=True)
            reports = [Report(report.token, json, is_fallback=True)]
        for report in reports:
            report.goes_alone = True
        self._attempts.put_back(reports)

    def _fail(self, exchange: _Exchange, why: TreadleError) -> None:
        if why.code in ("INVALID_ARGUMENT", "OUT_OF_RANGE") and exchange.reports:
            self._renew_at = time.monotonic()  # what it was to renew waits for that
            self._send_apart(exchange.reports, why)
            return
        is_newest = exchange.sequence == self._sequence
        if not is_newest and why.code not in PASSING and why.code != "CANCELLED":
            self._attempts.put_back(exchange.reports)  # the server wants no older one any more
            return
        if why.code in REFUSALS:
            self._failure = why
            self._stopped = True
            self._unanswered.append(exchange)
            return
        # What is wrong with the answers of a wrong server is news, though the right one was lost.
        is_news = self._lost_since is None or (why.code == "INTERNAL" != self._lost_code)
        if is_news and not self._stopped:
            if self._lost_since is None:
                self._lost_since = time.monotonic()
            self._lost_code = why.code
            self._options.log(f"{why.detail}; trying again until it answers")
        self._unanswered.append(exchange)
        self._unanswered.sort(key=lambda each: each.sequence)
        self._retry_later(why.retry_after or 0)

    def _retry_later(self, at_least: float) -> None:
        now = time.monotonic()
        if now >= self._retry_at:  # else both connections broke, for one reason
            self._retry_at = now + max(self._backoff.next(), min(at_least, 60.0))
