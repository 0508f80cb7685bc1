"""Programs that keep running and exchange lines with their worker: `treadle worker exec TYPE --stream -- PROGRAM`."""

import base64
import json
import os
import re
import subprocess
import sys

import pytest
from test_worker_process import can_unshare, end, is_alive, pids, start

from treadle import ROOT, run, until

PROGRAM = [sys.executable, "-S", "-E", str(ROOT / "tests/e2e/stream_program.py")]


def retry_at_once(server):
    answer = server.call("PUT", "/v1/queues/default", {"retry": {"backoff_base_ms": 0, "backoff_cap_ms": 0}})
    assert answer.status == 200
    return server


@pytest.fixture(scope="module")
def quick(shared_server):
    """A server whose failures are tried again at once. No test leaves a task of type t there."""
    return retry_at_once(shared_server)


class Streamer:
    """A worker whose programs do what the tasks ask for."""

    def __init__(self, server, *flags, words=(), program=None, **options):
        self.process = start(server, "worker", "exec", "t", "--stream", *flags, "--", *(program or PROGRAM), *words, **options)

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        if self.process.poll() is None:
            self.process.kill() if failure else self.process.terminate()
        self.process.communicate(timeout=30)

    def stop(self):
        """What it said until an orderly end."""
        self.process.terminate()
        return end(self.process, 0)


def ended(server, id):
    return until(lambda: server.task(id, wait="5s"), lambda task: task["state"] in ("completed", "dead", "cancelled"))


def result(server, id):
    task = ended(server, id)
    assert task["state"] == "completed", task
    return task["result"]


def enqueue(server, *todo, **fields):
    return server.enqueue("t", payload=list(todo), **fields)


SHOW = ["show", "pid"]


def test_one_program_runs_one_task_after_the_other(quick):
    with Streamer(quick, "-c", "1") as worker:
        ids = [enqueue(quick, SHOW) for _ in range(50)]
        assert len({result(quick, id)["pid"] for id in ids}) == 1
        said = worker.stop()
    assert len(re.findall(r"^1-\d+ t completed in ", said, re.M)) == 50


def test_programs_run_side_by_side(quick, tmp_path):
    gate = tmp_path / "gate"
    with Streamer(quick, "-c", "3"):
        ids = [enqueue(quick, ["touch", str(tmp_path / str(n))], ["await", str(gate)], SHOW) for n in range(3)]
        until(lambda: len(list(tmp_path.glob("[0-9]"))), lambda begun: begun == 3)
        gate.touch()
        assert len({result(quick, id)["pid"] for id in ids}) == 3


def test_a_task_comes_with_the_facts_that_other_programs_find_in_their_environment(quick):
    answer = quick.call("POST", "/v1/tasks", '{"type": "t", "payload": [\n ["show", "task", "type", "queue", "attempt",\r\n "max_attempts", '
                        '"timeout_ms", "deadline", "content_type", "payload"]\n], "deadline_ms": 60000, "max_attempts": 3}')
    id = answer.json["id"]
    with Streamer(quick, "--timeout", "30s"):
        shown = result(quick, id)
    assert 0 < shown.pop("timeout_ms") <= 30_000
    assert shown.pop("payload")[0][0] == "show"
    assert shown == {"task": id, "type": "t", "queue": "default", "attempt": 1, "max_attempts": 3,
                     "deadline": quick.task(id)["deadline_at"], "content_type": "application/json"}


def test_bytes_go_in_and_out_as_base64(quick, tmp_path):
    program = tmp_path / "program"
    program.write_text("""#!/bin/sh
read -r _; echo '{"ready":1}'
while read -r task; do
  payload=${task#*'"payload_base64":"'}
  case $task in *'"content_type":"image/x-test"'*)
    printf '{"result_base64":"%s","content_type":"image/x-out"}\\n' "${payload%%'"'*}";;
  esac
done
""")
    program.chmod(0o755)
    data = bytes(range(256))
    id = quick.enqueue("t", payload_base64=base64.b64encode(data).decode(), content_type="image/x-test")
    with Streamer(quick, program=[str(program)]):
        assert ended(quick, id)["state"] == "completed"
    answer = quick.get(f"/v1/tasks/{id}/result")
    assert (answer.body, answer.content_type) == (data, "image/x-out")


def test_a_program_ends_a_task_in_every_way_that_the_api_knows(quick):
    final = enqueue(quick, ["write", {"failed": {"code": "no_customer", "message": "who?", "retry": False}}])
    again = enqueue(quick, ["on_first", "write", {"failed": {"code": "busy", "delay_ms": 1}}], ["later", *SHOW], max_attempts=2)
    discarded = enqueue(quick, ["write", {"discarded": {"message": "sold out"}}])
    with Streamer(quick):
        task = ended(quick, final)
        assert (task["state"], task["attempt"], task["error"]["code"], task["error"]["message"]) == ("dead", 1, "no_customer", "who?")
        task = ended(quick, discarded)
        assert (task["state"], task["error"]["code"], task["error"]["message"]) == ("cancelled", "discarded", "sold out")
        assert ended(quick, again)["attempt"] == 2


@pytest.mark.parametrize("line", [{"snoozed": {"delay_ms": 50}}, {"released": True}])
def test_a_task_that_is_snoozed_or_released_runs_again_unspent(quick, tmp_path, line):
    program = tmp_path / "program"
    program.write_text(f"""#!/bin/sh
read -r _; echo '{{"ready":1}}'
read -r _; echo '{json.dumps(line)}'
read -r _; echo '{{"result":"the second time"}}'
""")
    program.chmod(0o755)
    id = quick.enqueue("t", max_attempts=1)
    with Streamer(quick, "-c", "1", program=[str(program)]):
        task = ended(quick, id)
    assert (task["state"], task["attempt"], task["result"]) == ("completed", 1, "the second time")


def test_steps_and_checkpoint_are_saved_before_they_are_acknowledged_and_outlive_a_crash(quick):
    id = enqueue(quick, ["on_first", "save", {"step": {"name": "charge", "result": {"receipt": 7}}}],
                 ["on_first", "save", {"step": {"name": "scan", "result_base64": "AAE=", "content_type": "image/x"}}],
                 ["on_first", "save", {"checkpoint": {"data": [3]}}],
                 ["on_first", "kill", "SIGKILL"], ["show", "attempt", "steps", "checkpoint"], max_attempts=2)
    with Streamer(quick):
        shown = result(quick, id)
    assert shown == {"attempt": 2, "checkpoint": {"data": [3]},
                     "steps": [{"name": "charge", "result": {"receipt": 7}},
                               {"name": "scan", "result_base64": "AAE=", "content_type": "image/x"}]}


def test_what_cannot_be_saved_is_answered_with_the_reason(quick):
    with Streamer(quick):
        good, bad = result(quick, enqueue(quick, ["save", {"step": {"name": "s", "result": 1}}],
                                          ["checkpoint_of", 1_100_000], ["show", "answers"]))["answers"]
    assert good == {"saved": True}
    assert bad["saved"] is False and bad["error"]["code"] == "RESOURCE_EXHAUSTED" and bad["error"]["message"]


def test_log_progress_and_standard_error_reach_those_who_look(quick, tmp_path):
    gate = tmp_path / "gate"
    id = enqueue(quick, ["write", {"log": "half of it"}], ["write", {"progress": {"fraction": 0.5, "message": "at it"}}],
                 ["error", "to standard error"], ["await", str(gate)], ["write", {"task": "TASK", "result": None}])
    secret = enqueue(quick, ["error", "the secret"], SHOW, sensitive=True)
    with Streamer(quick) as worker:
        task = until(lambda: quick.task(id), lambda task: "progress" in task)
        assert (task["progress"]["fraction"], task["progress"]["message"]) == (0.5, "at it")
        gate.touch()
        # A line that names another task is not taken for this one.
        assert until(lambda: quick.task(id), lambda task: task.get("error"))["error"]["code"] == "line_invalid"
        quick.run("task", "cancel", id)
        result(quick, secret)
        said = worker.stop()
    assert quick.get(f"/v1/tasks/{id}/log?attempt=1").body.decode() == "half of it\nto standard error\n"
    assert "to standard error\n" in said and "the secret" not in said
    assert quick.get(f"/v1/tasks/{secret}/log").body.decode() == "the secret\n"


FAULTS = {
    "a crash": ([["error", "last words"], ["kill", "SIGSEGV"]], "signal_SIGSEGV", "killed by SIGSEGV: last words"),
    "an exit": ([["exit", 3]], "exit_3", "exit status 3 before an outcome"),
    "an exit in the middle of a line": ([["raw", '{"result":'], ["exit", 0]], "exit_0", "exit status 0 before an outcome"),
    "an exception": ([["no such thing to do"]], "exit_1", "ValueError: no such thing to do"),
    "a line that is not JSON": ([["raw", "hello\n"], ["hang"]], "line_invalid", "it is not JSON: hello"),
    "an unknown line": ([["write", {"resul": 1}], ["hang"]], "line_invalid", 'unknown field "resul": {"resul": 1}'),
    "two outcomes": ([["raw", '{"result":1}\n{"result":2}\n'], ["hang"]], "line_unexpected", "wrote more after its outcome"),
    "a line without an end": ([["huge", 2_200_000], ["hang"]], "line_too_long", "more than 2097152 bytes"),
    "no more output": ([["close"], ["hang"]], "output_closed", "closed its output"),
}


def test_what_a_program_does_wrong_fails_its_task_only(quick):
    with Streamer(quick, "-c", "2") as worker:
        ids = {name: (enqueue(quick, *todo, max_attempts=1), enqueue(quick, SHOW)) for name, (todo, _, _) in FAULTS.items()}
        for name, (bad, good) in ids.items():
            _, code, message = FAULTS[name]
            task = ended(quick, bad)
            assert (task["state"], task["error"]["code"]) == ("dead", code), name
            assert message in task["error"]["message"], name
            task = ended(quick, good)
            assert (task["state"], task["attempt"]) == ("completed", 1), name
        said = worker.stop()
    assert "cannot run" not in said


def test_a_result_may_be_large_and_must_not_be_too_large(quick):
    with Streamer(quick):
        fits = enqueue(quick, ["result_of", 1_040_000])
        wrong = enqueue(quick, ["result_of", 1_050_000])
        assert len(result(quick, fits)) == 1_040_000
        task = ended(quick, wrong)
    assert (task["state"], task["attempt"], task["error"]["code"]) == ("dead", 1, "result_too_large")


def test_a_program_whose_task_takes_too_long_is_ended_and_replaced(quick):
    slow = enqueue(quick, ["hang"], max_attempts=1)
    with Streamer(quick, "-c", "1", "--timeout", "200ms"):
        task = ended(quick, slow)
        assert (task["state"], task["error"]["code"]) == ("dead", "timeout")
        until(lambda: ended(quick, enqueue(quick, SHOW))["state"] == "completed")


def test_a_program_whose_task_is_cancelled_is_ended_unless_it_completes_it(quick, tmp_path):
    begun = [tmp_path / "begun-0", tmp_path / "begun-1"]
    hangs = enqueue(quick, ["touch", str(begun[0])], ["hang"])
    saves = enqueue(quick, ["on_term", {"result": "saved"}], ["touch", str(begun[1])], ["hang"])
    with Streamer(quick, "-c", "2"):
        until(lambda: all(path.exists() for path in begun))
        quick.run("task", "cancel", hangs, "--reason", "a test")
        quick.run("task", "cancel", saves)
        task = ended(quick, hangs)
        assert (task["state"], task["error"]["message"]) == ("cancelled", "a test")
        assert result(quick, saves) == "saved"
        result(quick, enqueue(quick, SHOW))


def test_a_worker_that_is_stopped_finishes_its_tasks_and_then_ends_the_input_of_its_programs(quick, tmp_path):
    gate, begun, left = tmp_path / "gate", tmp_path / "begun", tmp_path / "left"
    id = enqueue(quick, ["touch", str(begun)], ["await", str(gate)], SHOW)
    with Streamer(quick, words=["leave", str(left)]) as worker:
        until(begun.exists)
        worker.process.terminate()
        while "waiting up to 25 s" not in worker.process.stderr.readline():
            pass
        assert not left.exists()
        gate.touch()
        end(worker.process, 0)
    assert quick.task(id)["state"] == "completed" and left.exists()


def test_programs_die_with_a_worker_that_is_killed_and_so_do_their_children(server, tmp_path):
    noted = tmp_path / "noted"
    program = tmp_path / "program"
    program.write_text(f"""#!/bin/sh
trap '' TERM
read -r _; echo '{{"ready":1}}'
sleep 600 > /dev/null 2>&1 & echo $! $$ >> {noted}
while :; do read -r _ || wait; done
""")
    program.chmod(0o755)
    server.enqueue("t")
    worker = start(server, "worker", "exec", "t", "--stream", "--", str(program))
    programs = pids(noted, 2)
    worker.kill()
    end(worker)
    for pid in programs:
        until(lambda pid=pid: not is_alive(pid))


@pytest.mark.parametrize("script, why", [
    ("echo no such module >&2; exit 3", "it ended with exit status 3 before it was ready: no such module"),
    ("kill -9 $$", "it was killed by SIGKILL before it was ready"),
    ("exec cat", 'its first line must be {"ready":1}, with nothing behind it, and is: {"stream":1,"type":"t"}'),
    ("exec >&-; sleep 600", "it closed its output before it was ready"),
])
def test_a_program_that_cannot_start_is_named_before_a_task_is_taken(server, script, why):
    id = server.enqueue("t")
    said = run("worker", "exec", "t", "--stream", "--", "/bin/sh", "-c", script, env={"TREADLE_SERVER": server.url}, expect=1).stderr
    assert f"cannot run /bin/sh: {why}" in said
    summary = server.get(f"/v1/tasks/{id}/explain").json["summary"]
    assert f"ago: cannot run /bin/sh: {why}" in summary
    assert server.get(f"/v1/tasks/{id}/attempts").json["attempts"] == []


def test_a_program_that_cannot_be_replaced_stops_the_worker_after_pauses_and_costs_no_attempt(server, tmp_path):
    quick = retry_at_once(server)
    noted, broken = tmp_path / "noted", tmp_path / "broken"
    worker = start(quick, "worker", "exec", "t", "--stream", "-c", "1", "--", *PROGRAM, "note", str(noted), "unless", str(broken))
    crashes = enqueue(quick, ["touch", str(broken)], ["exit", 1], max_attempts=1)
    assert ended(quick, crashes)["state"] == "dead"
    waits = enqueue(quick, SHOW, max_attempts=1)
    why = f"cannot run {PROGRAM[0]}: it ended with exit status 1 before it was ready: no such database"
    said = end(worker, 1)
    assert said.count(f"{why}; trying again") == 1 and f"treadle: {why}\n" in said, said
    assert len(noted.read_text().split()) == 1 + 5
    task = quick.task(waits)
    assert (task["state"], task["attempt"]) == ("ready", 0)
    assert f"ago: {why}" in quick.get(f"/v1/tasks/{waits}/explain").json["summary"]


def test_programs_may_end_between_tasks_without_any_harm(quick, tmp_path):
    """As those do that want to begin afresh now and then."""
    noted = tmp_path / "noted"
    with Streamer(quick, "-c", "2", words=["note", str(noted), "once"]) as worker:
        ids = [enqueue(quick, SHOW, max_attempts=1) for _ in range(12)]
        shown = [result(quick, id)["pid"] for id in ids]
        said = worker.stop()
    assert len(set(shown)) == 12 and "cannot run" not in said
    assert set(noted.read_text().split()) >= {str(pid) for pid in shown}


def test_output_without_a_task_is_not_taken_for_that_of_the_next_one(quick, tmp_path):
    done = tmp_path / "done"
    with Streamer(quick, "-c", "1") as worker:
        first = enqueue(quick, ["write", {"result": 1}], ["await", str(done)], ["write", {"result": 2}], ["touch", str(done) + "2"])
        assert result(quick, first) == 1
        done.touch()
        until((tmp_path / "done2").exists)
        second = enqueue(quick, SHOW, max_attempts=1)
        assert "pid" in result(quick, second)
        said = worker.stop()
    assert f"{PROGRAM[0]}: it wrote to its output although it had no task; another one is started" in said, said


def test_short_tasks_are_leased_ahead_and_go_back_when_they_are_stuck(quick, tmp_path):
    gate = tmp_path / "gate"
    with Streamer(quick, "-c", "1"):
        for id in [enqueue(quick, SHOW) for _ in range(200)]:
            result(quick, id)
        stuck = enqueue(quick, ["await", str(gate)], SHOW)
        until(lambda: quick.task(stuck)["state"] == "running")
        behind = [enqueue(quick, SHOW, max_attempts=1) for _ in range(20)]
        with Streamer(quick, "-c", "1"):
            for id in behind:
                assert ended(quick, id)["state"] == "completed"
        assert quick.task(stuck)["state"] == "running"
        gate.touch()
        result(quick, stuck)


def test_programs_get_no_descriptor_but_their_own(quick):
    with Streamer(quick, "-c", "3"):
        for id in [enqueue(quick, ["show", "descriptors", "TREADLE_STREAM"]) for _ in range(20)]:
            shown = result(quick, id)
            assert len(shown["descriptors"]) == 4, shown  # with that of the list
            assert shown["TREADLE_STREAM"] == "1"


def test_results_of_streams_name_their_content_type_themselves(server):
    said = run("worker", "exec", "t", "--stream", "--content-type", "text/plain", "--", "cat", env={"TREADLE_SERVER": server.url}, expect=2).stderr
    assert "--content-type" in said and "--stream" in said


@pytest.mark.skipif(not can_unshare(), reason="needs namespaces of processes")
def test_as_process_1_a_worker_keeps_its_programs(quick):
    worker = start(quick, "worker", "exec", "t", "--stream", "--", *PROGRAM, before=["unshare", "-Urpf", "--mount-proc"])
    for id in [enqueue(quick, SHOW) for _ in range(5)]:
        result(quick, id)
    inside = int(subprocess.run(["pgrep", "-P", str(worker.pid)], capture_output=True, text=True).stdout)
    os.kill(inside, 15)
    end(worker, 0)


@pytest.mark.parametrize("name", ["order.rb", "order.php", "order.pl", "order.sh"])
def test_the_examples_do_what_they_say(quick, name):
    order = quick.enqueue("order", payload={"customer": "Ada", "cents": [100, 250]})
    empty = quick.enqueue("order", payload={"cents": []})
    # An attempt elsewhere has charged the customer, and was lost then.
    charged = quick.enqueue("order", queue="charged", payload={"cents": [7]})
    by_hand = quick.worker("order", queues=["charged"])
    [lease] = by_hand.lease()
    saved = quick.post(f"/v1/attempts/{lease['token']}", {"steps": [{"name": "charge", "result": "the first receipt"}]})
    assert saved.status == 200, saved
    by_hand.release(lease)
    program = str(ROOT / "examples/stream" / name)
    worker = start(quick, "worker", "exec", "order", "--stream", "--queue", "default", "--queue", "charged", "--", program)
    assert result(quick, order) == {"total_cents": 350, "receipt": f"receipt-{order}"}
    assert result(quick, charged) == {"total_cents": 7, "receipt": "the first receipt"}
    task = ended(quick, empty)
    assert (task["state"], task["attempt"], task["error"]["code"]) == ("dead", 1, "no_items")
    assert quick.get(f"/v1/tasks/{order}/log").body.decode() == "attempt 1 of 20\n"
    worker.terminate()
    said = end(worker, 0)
    assert "Warning" not in said and "rror:" not in said, said


# --- The page of the protocol.

PAGE = (ROOT / "docs/stream.md").read_text()


def test_the_page_shows_an_example_as_it_is():
    [shown] = re.findall(r"^```ruby\n(.*?)^```$", PAGE, re.M | re.S)
    assert shown == (ROOT / "examples/stream/order.rb").read_text()
    assert all(len(path.read_text().splitlines()) <= 33 for path in (ROOT / "examples/stream").iterdir())


def test_the_short_program_of_the_page_works(quick, tmp_path):
    [shown] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)
    (tmp_path / "upper.py").write_text(shown)
    id = quick.enqueue("t", payload={"name": "Ada"})
    with Streamer(quick, program=[sys.executable, str(tmp_path / "upper.py")]):
        assert result(quick, id) == "ADA"


def test_the_page_names_every_code_of_a_fault():
    named = set(re.findall(r"^\| .*? \| `(\w+)`.*? \| (?:yes|no) \|$", PAGE, re.M))
    codes = {re.sub(r"exit_\d+", "exit_N", re.sub("signal_.*", "signal_SIGKILL", code)) for _, code, _ in FAULTS.values()}
    assert named == codes | {"result_too_large"}
