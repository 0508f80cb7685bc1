"""The checker finds each kind of breach. The tests use a correct history and, for every promise, one that breaks it."""

import json

import pytest

import checker

TASK, OTHER = "1-1", "1-2"


class Story:
    """Notebooks of clients with made-up histories. One line per second unless stated otherwise."""

    def __init__(self, directory):
        self.directory, self.t = directory, 100.0

    def line(self, book, kind, after=1.0, **fields):
        self.t += after
        asked = {"asked": fields.pop("asked", self.t - 0.01)}
        with open(self.directory / f"{book}.history", "a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, "t": self.t, **asked, **fields}) + "\n")

    def enqueue(self, task=TASK, key="k1", **terms):
        request = {"type": "hello", "payload": {"key": key}, "idempotency_key": key, **terms}
        self.line("p0", "asking", tasks=[request], wall=1000.0)
        self.line("p0", "accepted", tasks=[request], answers=[{"id": task, "duplicate": False}])

    def lease(self, number, task=TASK, **fields):
        line = {"id": task, "token": f"{task}.{number}.1", "attempt": number, "max_attempts": 5, "lease_ms": 2000,
                "timeout_ms": 60000, "payload": {"key": "k1"}, "queue": "default", "wall": 2000.0, **fields}
        self.line("w0", "leased", **line)

    def report(self, number, task=TASK, code="OK", **report):
        report = {"token": f"{task}.{number}.1", "outcome": "completed", **report}
        self.line("w0", "reporting", reports=[report])
        self.line("w0", "reported", reports=[{**report, "code": code}])

    def save(self, number, result):
        update = {"steps": [{"name": "s", "result": result}], "checkpoint": {"data": result}}
        self.line("w0", "saving", token=f"{TASK}.{number}.1", update=update)
        self.line("w0", "saved", token=f"{TASK}.{number}.1", update=update)

    def command(self, action, answer=None, status=200, body=None):
        self.line("operator", "commanding", action=action, task=TASK, body=body)
        self.line("operator", "commanded", action=action, task=TASK, body=body, status=status, answer=answer or {})

    def end(self, state="completed", task=TASK, accepted=1, there=1, deleted=0, attempt=1):
        if state:
            told = {"state": state, "attempt": attempt, "max_attempts": 5}
            self.line("end", "ended", task=task, told=told)
        removed = {"retention": 0, "deleted": deleted, "moved": 0, "replaced": 0}
        self.line("end", "ended_queues",
                  queues=[{"name": "default", "accepted": accepted, "tasks": {"completed": there}, "removed": removed}])


@pytest.fixture
def story(tmp_path):
    return Story(tmp_path)


def breaches(story):
    return set(checker.check(story.directory)[1])


def test_a_correct_history_has_no_breach(story):
    story.enqueue(delay_ms=500)
    story.lease(1)
    story.save(1, 17)
    story.report(1, outcome="failed", error={"code": "x"}, delay_ms=500)
    story.lease(2, steps=[{"name": "s", "result": 17}], checkpoint={"data": 17})
    story.report(2)
    story.end(attempt=2)
    assert breaches(story) == set()


def test_a_lost_task_is_found(story):
    story.enqueue()
    story.end(state=None)
    assert breaches(story) == {"no_acknowledged_task_is_lost"}


def test_a_task_that_never_ends_is_found(story):
    story.enqueue()
    story.end("ready")
    assert breaches(story) == {"no_acknowledged_task_is_lost"}


def test_a_task_that_runs_after_its_completion_is_found(story):
    story.enqueue()
    story.lease(1)
    story.report(1)
    story.lease(2)
    story.end()
    assert breaches(story) == {"a_completed_task_is_over"}


def test_two_valid_leases_are_found(story):
    story.enqueue()
    story.lease(1)
    story.lease(2)
    story.report(2)
    story.end()
    assert breaches(story) == {"one_lease_at_a_time"}


def test_a_renewed_lease_counts_as_valid(story):
    story.enqueue()
    story.lease(1)
    story.line("w0", "renewed", after=1.9, tokens=[f"{TASK}.1.1"])
    story.lease(2)
    story.report(2)
    story.end()
    assert breaches(story) == {"one_lease_at_a_time"}


def test_a_lease_lost_early_is_found(story):
    story.enqueue()
    story.lease(1)
    story.line("w0", "lost", tokens=[f"{TASK}.1.1"])
    story.lease(2, after=3)
    story.report(2)
    story.end()
    assert breaches(story) == {"one_lease_at_a_time"}


def test_an_old_token_that_counts_is_found(story):
    story.enqueue()
    story.lease(1)
    story.lease(2, after=3)
    story.report(1)
    story.end()
    assert breaches(story) == {"an_old_token_has_no_effect"}


def test_one_attempt_too_many_is_found(story):
    story.enqueue()
    story.lease(6)
    story.report(6)
    story.end()
    assert breaches(story) == {"attempts_are_bounded"}


@pytest.mark.parametrize("state", ["expired", "cancelled", "dead"])
def test_an_end_without_a_reason_is_found(story, state):
    story.enqueue()
    story.end(state)
    assert breaches(story) == {"an_end_has_its_reason"}


@pytest.mark.parametrize("terms", [{"delay_ms": 10000}, {"run_at": "2001-09-09T01:46:40Z"}])
def test_a_task_that_runs_before_its_time_is_found(story, terms):
    story.enqueue(**terms)
    story.lease(1)
    story.report(1)
    story.end()
    assert breaches(story) == {"nothing_runs_before_its_time"}


def test_a_retry_before_its_time_is_found(story):
    story.enqueue()
    story.lease(1)
    story.report(1, outcome="failed", delay_ms=20000)
    story.lease(2)
    story.report(2)
    story.end()
    assert breaches(story) == {"nothing_runs_before_its_time"}


@pytest.mark.parametrize("terms", [{"expires_ms": 500}, {"deadline_ms": 500}])
def test_a_task_that_begins_after_its_time_is_found(story, terms):
    story.enqueue(**terms)
    story.lease(1, after=10)
    story.report(1)
    story.end()
    assert breaches(story) == {"nothing_begins_after_its_time"}


@pytest.mark.parametrize("action", ["cancel", "delete"])
def test_a_cancelled_or_deleted_task_that_runs_is_found(story, action):
    story.enqueue()
    story.command(action, {"state": "cancelled"})
    story.lease(1)
    story.end("cancelled" if action == "cancel" else None, deleted=int(action == "delete"),
              there=int(action == "cancel"))
    assert breaches(story) == {"what_was_cancelled_or_deleted_stays_so"}


def test_a_final_state_that_changes_is_found(story):
    story.enqueue(expires_ms=10)
    story.line("operator", "seen", task=TASK, told={"state": "expired"})
    story.lease(1)
    story.report(1)
    story.end()
    assert breaches(story) == {"what_was_seen_stays_true"}


def test_a_changed_payload_is_found(story):
    story.enqueue()
    story.lease(1, payload={"key": "another"})
    story.report(1)
    story.end()
    assert breaches(story) == {"a_lease_carries_what_was_enqueued"}


@pytest.mark.parametrize("kept", [{}, {"steps": [{"name": "s", "result": 1}], "checkpoint": {"data": 1}}])
def test_a_forgotten_or_old_step_is_found(story, kept):
    story.enqueue()
    story.lease(1)
    story.save(1, 1)
    story.lease(2, after=3, steps=[{"name": "s", "result": 1}], checkpoint={"data": 1})
    story.save(2, 2)
    story.lease(3, after=3, **kept)
    story.report(3)
    story.end()
    assert breaches(story) == {"what_an_attempt_saved_comes_again"}


def test_a_key_that_admits_two_tasks_is_found(story):
    story.enqueue()
    story.enqueue(task=OTHER)
    for task in (TASK, OTHER):
        story.lease(1, task=task)
        story.report(1, task=task)
    story.end(task=OTHER, accepted=2, there=2)
    story.end(accepted=2, there=2)
    assert breaches(story) == {"a_key_admits_one_task"}


def test_a_unique_key_of_two_living_tasks_is_found(story):
    request = {"type": "hello", "payload": {"key": "k1"}, "idempotency_key": "u", "unique_while": "done"}
    for task in (TASK, OTHER):
        story.line("p0", "asking_unique", key="u")
        story.line("p0", "accepted_unique", task=request, answer={"id": task, "duplicate": False})
    for task in (TASK, OTHER):
        story.lease(1, task=task)
        story.report(1, task=task)
    story.end(task=OTHER, accepted=2, there=2)
    story.end(accepted=2, there=2)
    assert breaches(story) == {"a_unique_key_admits_one_task_at_a_time"}


def test_a_lease_from_a_paused_queue_is_found(story):
    story.enqueue()
    story.line("operator", "pausing", action="pause", queue="default")
    story.line("operator", "paused", action="pause", queue="default")
    story.lease(1)
    story.line("operator", "pausing", action="resume", queue="default")
    story.report(1)
    story.end()
    assert breaches(story) == {"a_paused_queue_gives_no_task"}


def test_an_account_that_does_not_add_up_is_found(story):
    story.enqueue()
    story.lease(1)
    story.report(1)
    story.end(accepted=1, there=0)
    assert breaches(story) == {"accepted_is_what_is_there_and_what_was_removed"}


@pytest.mark.parametrize(("accepted", "deleted"), [(0, 0), (2, 0), (1, 1)])
def test_numbers_that_clients_cannot_explain_are_found(story, accepted, deleted):
    story.enqueue()
    story.lease(1)
    story.report(1)
    story.end(accepted=accepted, there=accepted - deleted, deleted=deleted)
    assert breaches(story) == {"the_numbers_are_those_of_the_outside"}
