"""Attempts that wait at a child process: whose they are when something goes wrong."""

import hashlib
import json
import os
import sys
import threading
import time

import pytest
from conftest import HERE, until

from treadle import wire
from treadle.worker import child_link
from treadle.worker.attempts import Attempts
from treadle.worker.child import Begin
from treadle.worker.find_app import AppPlace
from treadle.worker.processes import InProcess

SHORT = 0.0


def lease(number, type, payload, attempt=1):
    text = json.dumps(payload)
    fields = {
        "token": f"1-{number}.{attempt}.1",
        "id": f"1-{number}",
        "queue": "q",
        "type": type,
        "attempt": attempt,
        "max_attempts": 20,
        "lease_ms": 30_000,
        "payload_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    answer = f'{json.dumps(fields)[:-1]},"payload":{text}}}'
    return wire.read_exchange(f'{{"leases":[{answer}],"reports":[],"lost":[]}}'.encode()).leases[0]


class Bench:
    """One child, and what a server would see of it."""

    def __init__(self, place, monkeypatch, timeouts=None, cancel_wait=7.0, children=1):
        monkeypatch.setenv("TEST_NOTES", str(place))
        # A machine that is busy with something else must not change how many wait.
        monkeypatch.setattr("treadle.worker.attempts._HANDED_SECONDS", 5.0)
        self.place, self.numbers, self.reports, self.log = place, iter(range(1, 10_000)), {}, []
        self.attempts = Attempts(
            slots=children,
            function_slots=children,
            prefetch=True,
            cancel_wait=cancel_wait,
            timeouts=timeouts or {},
            coroutines=[],
            changed=lambda: None,
        )
        path = (str(HERE), *sys.path)
        begin = Begin(AppPlace(module="workers_app"), path, (), "", "", with_endings=False)
        self.attempts.start()
        self.threads = [
            threading.Thread(target=self._serve, args=(begin,), daemon=True)
            for _ in range(children)
        ]
        for each in self.threads:
            each.start()

    def _serve(self, begin):
        runs = InProcess(begin, self.log.append)
        try:
            runs.serve(self.attempts)
        finally:
            runs.close()

    def put(self, *naps):
        """Leases of tasks that sleep for so long; None: it kills its process. Their tokens."""
        made = [
            lease(next(self.numbers), "crashes", None)
            if each is None
            else lease(next(self.numbers), "naps", {"seconds": each})
            for each in naps
        ]
        self.attempts.put(made, False)
        return [each.token for each in made]

    def block(self, others, are_handed=True):
        """One task that runs until `go_on()`, and `others` that wait at the same child."""
        name = str(self.place / "go-on")
        first = lease(next(self.numbers), "waits_for_a_file", {"name": name})
        waiting = [lease(next(self.numbers), "naps", {"seconds": SHORT}) for _ in range(others)]
        self.attempts.put([first, *waiting], False)
        self.begun(first.token)
        if are_handed:
            until(lambda: len(self.handed), lambda number: number == others)
        return first.token, [each.token for each in waiting]

    def go_on(self):
        (self.place / "go-on").touch()

    def learn(self):
        """That tasks are short."""
        made = [lease(next(self.numbers), "measures", {"text": ""}) for _ in range(40)]
        self.attempts.put(made, False)
        self.all_reported([each.token for each in made])
        self.reports.clear()

    def all_reported(self, tokens):
        """How each of them ended, once all have."""
        until(lambda: (self.collect(), [each for each in tokens if each not in self.reports])[1],
              lambda left: not left)  # fmt: skip
        return [self.reports[each]["outcome"] for each in tokens]

    def collect(self):
        for each in self.attempts.take_reports():
            assert each.token not in self.reports, "one report for a lease"
            self.reports[each.token] = json.loads(each.json)
            assert self.reports[each.token]["token"] == each.token

    def runs(self, token):
        note = self.place / f"{token.partition('.')[0]}.begun"
        return len(note.read_text()) if note.exists() else 0

    def begun(self, token):
        until(lambda: self.runs(token))

    @property
    def handed(self):
        return set(self.attempts._handed)

    def end(self):
        self.attempts.release_running()
        self.attempts.close()
        for each in self.threads:
            each.join(20)
            assert not each.is_alive()


@pytest.fixture
def bench(tmp_path, monkeypatch):
    made = []

    def make(**options):
        made.append(Bench(tmp_path, monkeypatch, **options))
        made[-1].learn()
        return made[-1]

    yield make
    for each in made:
        each.end()


def test_short_tasks_wait_at_the_child_and_run_once_in_their_order(bench, patient):
    b = bench()
    first, others = b.block(60)
    tokens = [first, *others]
    b.go_on()
    assert set(b.all_reported(tokens)) == {"completed"}
    assert [b.runs(each) for each in tokens] == [1] * 61
    assert list(b.reports) == tokens
    assert b.attempts.held() == 0


def test_a_child_that_dies_costs_the_task_that_it_ran(bench, patient):
    b = bench()
    tokens = b.put(*[SHORT] * 10, None, *[SHORT] * 30)
    outcomes = b.all_reported(tokens)
    assert outcomes.pop(10) == "failed"
    assert b.reports[tokens[10]]["error"]["code"] == "process_died"
    assert set(outcomes) == {"completed"} and len(outcomes) == 40
    assert [b.runs(each) for each in tokens] == [1] * 41, "what waited ran in the next child"


def test_a_child_that_is_killed_from_outside_costs_what_it_ran(bench, patient):
    b = bench()
    first, *others = b.put(20, *[SHORT] * 20)
    b.begun(first)
    pid = int((b.place / f"{first.partition('.')[0]}.pid").read_text())
    os.kill(pid, 9)
    assert b.all_reported([first]) == ["failed"]
    assert set(b.all_reported(others)) == {"completed"}
    assert {b.runs(each) for each in others} == {1}


def test_what_waits_behind_a_long_task_is_taken_back_and_runs_elsewhere(bench, monkeypatch):
    b = bench(children=2)
    monkeypatch.setattr("treadle.worker.attempts._TURN_SECONDS", 60)
    first, others = b.block(40, are_handed=False)
    assert set(b.all_reported(others)) == {"completed"}
    assert first not in b.reports
    b.go_on()
    assert b.all_reported([first]) == ["completed"]


def test_what_waits_behind_a_long_task_goes_back_to_the_server(bench):
    b = bench()
    first, others = b.block(20, are_handed=False)
    assert set(b.all_reported(others)) == {"released"}, "no other child is free"
    assert first not in b.reports
    b.go_on()
    assert b.all_reported([first]) == ["completed"]
    assert {b.runs(each) for each in others} == {0}


@pytest.fixture
def patient(monkeypatch):
    """What waits is not taken back because of time."""
    monkeypatch.setattr("treadle.worker.processes._SLOW_SECONDS", 60)
    monkeypatch.setattr("treadle.worker.attempts._TURN_SECONDS", 60)


def test_attempts_are_taken_back_while_the_child_takes_them(bench, patient):
    b = bench()
    made = [lease(next(b.numbers), "measures", {"text": "x" * i}) for i in range(1_500)]
    b.attempts.put(made, False)
    while len(b.reports) < len(made):
        with b.attempts._lock:
            b.attempts._recall_all()
        b.collect()
        time.sleep(0.001)
    assert [b.reports[each.token]["result"] for each in made] == list(range(1_500))


def test_leases_that_are_lost_while_they_wait_are_not_run(bench, patient):
    b = bench()
    first, others = b.block(20)
    lost, kept = others[::2], others[1::2]
    assert b.attempts.lose(lost) == 10
    b.go_on()
    assert set(b.all_reported([first, *kept])) == {"completed"}
    assert {b.runs(each) for each in lost} == {0} and not set(lost) & set(b.reports)


def test_tasks_that_are_cancelled_while_they_wait_are_released(bench, patient):
    b = bench()
    first, others = b.block(20)
    b.attempts.cancel(others[:1])
    b.go_on()
    assert b.all_reported(others) == ["released"] + ["completed"] * 19
    assert b.runs(others[0]) == 0


def test_a_stop_releases_what_waits(bench, patient):
    b = bench()
    first, others = b.block(20)
    b.attempts.drain()
    assert set(b.all_reported(others)) == {"released"}
    b.go_on()
    assert b.all_reported([first]) == ["completed"]
    assert {b.runs(each) for each in others} == {0}
    assert not b.attempts.is_busy()


def test_leases_that_wait_are_renewed(bench, patient):
    b = bench()
    first, others = b.block(20)
    assert set(b.attempts.held_tokens()) == {first, *others}
    assert b.attempts.held() == 21
    b.go_on()
    b.all_reported([first, *others])


def test_the_time_of_an_attempt_begins_when_it_does(bench, patient):
    b = bench(timeouts={"naps": 0.4})
    tokens = b.put(*[0.1] * 12)
    assert set(b.all_reported(tokens)) == {"completed"}, "1.2 s together, 0.1 s each"


def test_a_deaf_task_is_ended_and_what_waits_behind_it_is_not_spent(bench, patient):
    b = bench(timeouts={"naps": 0.3}, cancel_wait=0.2)
    tokens = b.put(60, *[SHORT] * 20)
    assert b.all_reported(tokens) == ["failed"] + ["completed"] * 20
    assert b.reports[tokens[0]]["error"]["code"] == "timeout"
    assert {b.runs(each) for each in tokens[1:]} == {1}


def test_large_payloads_go_between_small_ones(bench, patient):
    b = bench()
    large = [lease(next(b.numbers), "measures", {"text": "x" * size}) for size in
             (10, 60_000, 70_000, 10, 900_000, 10, 300_000, 10, 10)]  # fmt: skip
    b.attempts.put(large, False)
    b.all_reported([each.token for each in large])
    results = [b.reports[each.token]["result"] for each in large]
    assert results == [10, 60_000, 70_000, 10, 900_000, 10, 300_000, 10, 10]


def test_systems_without_message_sockets_hand_over_one_by_one(bench, patient, monkeypatch):
    monkeypatch.setattr(child_link, "_message_sockets", lambda: (None, None))
    b = bench()
    tokens = b.put(*[SHORT] * 20, None, *[SHORT] * 20)
    outcomes = b.all_reported(tokens)
    assert outcomes.pop(20) == "failed" and set(outcomes) == {"completed"}
    assert b.handed == set()
