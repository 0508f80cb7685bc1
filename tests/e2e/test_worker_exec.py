"""Any program can be a worker: `treadle worker exec TYPE -- PROGRAM`."""

import pytest

from test_cli import Program
from treadle import run, until


@pytest.fixture
def quick(server):
    """A server that retries failures at once."""
    answer = server.call("PUT", "/v1/queues/default", {"retry": {"backoff_base_ms": 0, "backoff_cap_ms": 0}})
    assert answer.status == 200
    return server


def worker(server, type, script, *flags):
    return Program("worker", "exec", type, *flags, "--", "/bin/sh", "-c", script, env={"TREADLE_SERVER": server.url})


def ended(server, id):
    return until(lambda: server.task(id, wait="5s"), lambda task: task["state"] in ("completed", "dead", "cancelled"))


def test_payload_goes_in_and_result_comes_out(quick):
    id = quick.enqueue("echo", payload={"a": [1, 2]})
    with worker(quick, "echo", "cat; printf '|%s|' \"$TREADLE_TASK_ID\""):
        task = ended(quick, id)
    assert task["state"] == "completed"
    assert quick.get(f"/v1/tasks/{id}/result").body.startswith(b'{"a": [1, 2]}|')


@pytest.mark.parametrize("status", [65, 66, 77, 78])
def test_statuses_of_permanent_failures_go_dead_at_once(quick, status):
    id = quick.enqueue("x")
    with worker(quick, "x", f"echo no such customer >&2; exit {status}"):
        task = ended(quick, id)
    assert (task["state"], task["attempt"]) == ("dead", 1)
    assert str(status) in task["error"]["code"] and "no such customer" in task["error"]["message"]


@pytest.mark.parametrize("script,says", [("exit 75", "75"), ("exit 1", "1"), ("kill -9 $$", "SIGKILL"),
                                         ("exit 126", "126"), ("exit 127", "127")])
def test_other_failures_are_retried(quick, script, says):
    id = quick.enqueue("x", max_attempts=2)
    with worker(quick, "x", script):
        task = ended(quick, id)
    assert (task["state"], task["attempt"]) == ("dead", 2)
    assert says in task["error"]["code"] + task["error"]["message"]


def test_a_run_that_takes_too_long_is_ended_and_fails(quick):
    id = quick.enqueue("slow", max_attempts=1)
    with worker(quick, "slow", "exec sleep 600", "--timeout", "100ms"):
        task = ended(quick, id)
    assert (task["state"], task["error"]["code"]) == ("dead", "timeout")


def test_the_servers_timeout_ends_a_run_and_the_program_knows_it(quick):
    id = quick.enqueue("slow", max_attempts=1, attempt_timeout_ms=300)
    with worker(quick, "slow", "exec sleep 600"):
        task = ended(quick, id)
    assert task["state"] == "dead" and task["error"]["code"] in ("timeout", "attempt_timeout")
    id = quick.enqueue("times", attempt_timeout_ms=60_000, deadline_ms=30_000)
    with worker(quick, "times", "printf '%s %s' \"$TREADLE_TIMEOUT_MS\" \"$TREADLE_DEADLINE\""):
        ended(quick, id)
    timeout_ms, deadline = quick.get(f"/v1/tasks/{id}/result").body.decode().split()
    assert 0 < int(timeout_ms) <= 30_000 and deadline == quick.task(id)["deadline_at"]


def test_a_program_snoozes_its_task_and_runs_again_unspent(quick, tmp_path):
    id = quick.enqueue("x", max_attempts=1)
    with worker(quick, "x", f"test -e {tmp_path}/once && exit; touch {tmp_path}/once; echo not yet; echo 200ms; exit 118"):
        task = ended(quick, id)
    assert (task["state"], task["attempt"]) == ("completed", 1)


def test_a_program_discards_its_task_with_a_reason(quick):
    id = quick.enqueue("x")
    with worker(quick, "x", "echo sold out >&2; exit 119"):
        task = ended(quick, id)
    assert task["state"] == "cancelled"
    assert (task["error"]["code"], task["error"]["message"]) == ("discarded", "sold out")


@pytest.mark.parametrize("deaf", [False, True])
def test_a_cancelled_task_ends_its_program(quick, tmp_path, deaf):
    """The worker releases it and the server cancels it, so no attempt follows."""
    begun, asked = tmp_path / "begun", tmp_path / "asked"
    on_term = "" if deaf else f"touch {asked}; exit 1"
    id = quick.enqueue("x")
    with worker(quick, "x", f"trap '{on_term}' TERM; touch {begun}; while :; do sleep 0.05; done"):
        until(begun.exists)
        assert "asked to stop" in quick.run("task", "cancel", id, "--reason", "a test").stdout
        task = ended(quick, id)
        assert (task["state"], task["error"]["message"]) == ("cancelled", "a test")
        assert quick.queue()["tasks"]["cancelled"] == 1 and quick.queue()["tasks"]["ready"] == 0
    assert asked.exists() is not deaf


def test_a_program_can_complete_a_task_with_a_cancel_request(quick, tmp_path):
    begun = tmp_path / "begun"
    id = quick.enqueue("x")
    with worker(quick, "x", f"trap 'echo saved; exit 0' TERM; touch {begun}; while :; do sleep 0.05; done"):
        until(begun.exists)
        quick.run("task", "cancel", id)
        assert ended(quick, id)["state"] == "completed"


def test_a_program_that_cannot_run_stops_the_worker_and_spends_nothing(quick):
    id = quick.enqueue("x")
    result = run("worker", "exec", "x", "--", "/no/such/program", env={"TREADLE_SERVER": quick.url}, expect=None)
    assert result.returncode != 0 and "/no/such/program" in result.stderr
    task = quick.task(id)
    assert (task["state"], task["attempt"]) == ("ready", 0)


def test_a_worker_survives_a_restart_of_the_server_and_still_reports(quick, tmp_path):
    gate = tmp_path / "gate"
    id = quick.enqueue("x")
    with worker(quick, "x", f"until test -e {gate}; do sleep 0.05; done; echo done"):
        until(lambda: quick.task(id)["state"], lambda state: state == "running")
        quick.kill()
        gate.touch()
        quick.restart()
        task = ended(quick, id)
        assert (task["state"], task["attempt"]) == ("completed", 1)
        again = quick.enqueue("x")
        assert ended(quick, again)["state"] == "completed"


def test_a_stopped_worker_finishes_its_running_task(quick, tmp_path):
    gate, begun = tmp_path / "gate", tmp_path / "begun"
    id = quick.enqueue("x")
    with worker(quick, "x", f"touch {begun}; until test -e {gate}; do sleep 0.05; done; echo done") as program:
        until(begun.exists)
        program.process.terminate()
        gate.touch()
        assert program.process.wait(30) == 0
    assert quick.task(id)["state"] == "completed"


def test_a_program_whose_task_is_cancelled_is_stopped_and_the_task_is_cancelled(quick):
    id = quick.enqueue("long")
    with worker(quick, "long", "sleep 600"):
        until(lambda: quick.task(id)["state"] == "running")
        quick.run("task", "cancel", id, "--reason", "a test")
        task = until(lambda: quick.task(id), lambda task: task["state"] == "cancelled")
    assert (task["error"]["code"], task["error"]["message"]) == ("asked", "a test")


def test_a_program_is_stopped_when_its_attempt_times_out(quick):
    id = quick.run("enqueue", "long", "--timeout", "300ms", "--max-attempts", "1", "--tag", "slow").stdout.strip()
    with worker(quick, "long", "sleep 600"):
        task = ended(quick, id)
    assert (task["state"], task["tags"]) == ("dead", ["slow"])
    assert task["error"]["code"] in ("timeout", "attempt_timeout")
