"""What attempts save, report, log and leave behind: steps, checkpoints, progress, logs, histories; sensitive
tasks."""

import json
import subprocess

import pytest

from treadle import BINARY, until

SOON = {"retry": {"jitter": "none", "backoff": "fixed", "backoff_base_ms": 0}}


def crash(server):
    server.kill()
    server.restart()


def save(server, lease, expect=200, **update):
    answer = server.post(f"/v1/attempts/{lease['token']}", update)
    assert answer.status == expect, answer
    return answer.json


def history(server, id):
    answer = server.get(f"/v1/tasks/{id}/attempts")
    assert answer.status == 200, answer
    return answer.json


def attempts(server, id):
    return history(server, id)["attempts"]


def log_of(server, id, attempt=None):
    answer = server.get(f"/v1/tasks/{id}/log" + (f"?attempt={attempt}" if attempt else ""))
    assert answer.status == 200 and answer.content_type == "text/plain", answer
    return answer.body.decode()


def treadle(server, *words):
    done = subprocess.run([BINARY, *words, "--server", server.url], text=True, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done
    return done.stdout


def test_every_later_lease_contains_a_saved_step_even_after_a_crash(server):
    server.call("PUT", "/v1/queues/default", SOON)
    server.enqueue()
    worker = server.worker()
    (lease,) = worker.lease()
    assert "steps" not in lease and "checkpoint" not in lease
    save(server, lease, steps=[{"name": "charge", "result": {"receipt": "r-17"}}])
    save(server, lease, steps=[{"name": "raw", "result_base64": "AAH/", "content_type": "image/png"}], checkpoint={"data": [1, 2]})
    assert worker.fail(lease) == "OK"
    crash(server)
    (again,) = server.worker().lease()
    steps = [{"name": "charge", "result": {"receipt": "r-17"}},
             {"name": "raw", "content_type": "image/png", "result_base64": "AAH/"}]
    assert (again["steps"], again["checkpoint"]) == (steps, {"bytes": 6, "data": [1, 2]})
    assert history(server, again["id"])["steps"] == steps


def test_steps_outlive_the_death_of_their_worker_and_a_redrive(server):
    server.call("PUT", "/v1/queues/default", {"lease_ms": 1000, "max_worker_losses": 1})
    id = server.enqueue()
    (lease,) = server.worker().lease()
    save(server, lease, steps=[{"name": "charge", "result": 1}])
    until(lambda: server.task(id)["state"] == "dead")
    history(server, id)  # so that the store has it, and perhaps memory no longer does
    assert server.call("PATCH", f"/v1/tasks/{id}", {"payload": "mended"}).status == 200
    assert server.post(f"/v1/tasks/{id}/redrive", None).status == 200
    (again,) = server.worker().lease()
    assert (again["payload"], again["steps"]) == ("mended", [{"name": "charge", "result": 1}])


def test_a_later_step_of_the_same_name_and_a_later_checkpoint_replace_the_earlier(server):
    id = server.enqueue()
    worker = server.worker()
    (lease,) = worker.lease()
    for n in (1, 2):
        save(server, lease, steps=[{"name": "s", "result": n}], checkpoint={"data": n})
    worker.release(lease)
    (again,) = worker.lease()
    assert (again["steps"], again["checkpoint"]["data"]) == ([{"name": "s", "result": 2}], 2)
    assert history(server, id)["checkpoint"] == {"bytes": 1, "data": 2}


def test_a_lost_lease_saves_nothing_and_says_so(server):
    server.enqueue()
    worker = server.worker()
    (lease,) = worker.lease()
    worker.release(lease)
    assert save(server, lease, expect=409, steps=[{"name": "late"}])["code"] == "LEASE_LOST"
    (again,) = worker.lease()
    assert "steps" not in again
    assert worker.complete(lease) == "LEASE_LOST"


def test_saves_are_limited_and_the_error_says_so(server):
    server.enqueue()
    (lease,) = server.worker().lease()
    save(server, lease, checkpoint={"data": "x" * 600_000})
    refusal = save(server, lease, expect=429, steps=[{"name": "s", "result": "x" * 600_000}])
    assert "at most 1048576 bytes in total" in refusal["detail"]
    save(server, lease, checkpoint={"data": 0}, steps=[{"name": "s", "result": "x" * 600_000}])
    many = [{"name": f"s{i}"} for i in range(1_000)]
    assert "at most 1000 steps" in save(server, lease, expect=429, steps=many)["detail"]
    for wrong in ({"steps": [{"result": 1}]}, {"steps": [{"name": "a"}, {"name": "a"}]}, {"steps": [{"name": "x" * 129}]},
                  {"progress": {"fraction": 1.1}}, {"progress": {"message": "x" * 257}}, {"log": {"offset": 5, "text": "x"}}):
        assert save(server, lease, expect=400, **wrong)["code"] == "INVALID_ARGUMENT", wrong


def test_saving_renews_the_lease(server):
    server.call("PUT", "/v1/queues/default", {"lease_ms": 1000})
    id = server.enqueue()
    worker = server.worker()
    (lease,) = worker.lease()
    ends = lambda: server.get(f"/v1/tasks/{id}/explain").json["summary"]  # noqa: E731
    first = ends()
    until(lambda: save(server, lease, progress={"fraction": 0.5}) and ends() != first)
    assert worker.complete(lease) == "OK"


def test_progress_is_seen_while_the_attempt_runs(server):
    id = server.enqueue()
    worker = server.worker()
    (lease,) = worker.lease()
    assert "progress" not in server.task(id)
    save(server, lease, progress={"fraction": 0.25, "message": "1 of 4"})
    progress = server.task(id)["progress"]
    assert (progress["fraction"], progress["message"]) == (0.25, "1 of 4") and progress["at"]
    worker.release(lease)
    assert "progress" not in server.task(id)
    worker.lease()
    assert "progress" not in server.task(id)


def test_the_log_of_each_attempt_is_kept_and_repeated_chunks_only_once(server):
    server.call("PUT", "/v1/queues/default", SOON)
    id = server.enqueue()
    worker = server.worker()
    (lease,) = worker.lease()
    assert save(server, lease, log={"offset": 0, "text": "one\n"})["log_bytes"] == 4
    assert save(server, lease, log={"offset": 0, "text": "one\ntwo\n"})["log_bytes"] == 8
    assert save(server, lease, log={"offset": 4, "text": "two\n"})["log_bytes"] == 8
    assert worker.fail(lease, log={"offset": 8, "text": "the end\n"}) == "OK"
    (lease,) = worker.lease()
    assert worker.complete(lease, log={"offset": 0, "text": "better\n"}) == "OK"
    assert log_of(server, id, 1) == "one\ntwo\nthe end\n"
    assert log_of(server, id) == log_of(server, id, 2) == "better\n"
    crash(server)
    assert log_of(server, id, 1) == "one\ntwo\nthe end\n"


def test_64_kib_of_a_log_are_kept(server):
    id = server.enqueue()
    worker = server.worker()
    (lease,) = worker.lease()
    sent = 0
    while sent < 70_000:
        kept = save(server, lease, log={"offset": sent, "text": "é" * 5_000})["log_bytes"]
        sent = kept if kept < 65_536 else 70_000
        if kept >= 65_530:
            break
    assert worker.complete(lease, log={"offset": kept, "text": "more"}) == "OK"
    assert len(log_of(server, id).encode()) == 65_536


def test_the_history_lists_every_attempt_with_its_worker_build_times_and_error(server):
    server.call("PUT", "/v1/queues/default", {"retry": {"jitter": "none", "backoff": "fixed", "backoff_base_ms": 300}})
    id = server.enqueue()
    worker = server.worker()
    worker.name = "ada"

    def lease(build):
        (given,) = worker.send({**worker.request(wait_ms=10_000), "build": build})["leases"]
        return given

    worker.fail(lease("v1"), code="io", message="disk")
    worker.release(lease("v1"))
    running = lease("v2")
    assert [each["outcome"] for each in attempts(server, id)] == ["failed", "released", "running"]
    worker.complete(running)
    crash(server)
    first, second, third = attempts(server, id)
    assert (first["attempt"], first["worker"], first["build"], first["backoff_ms"]) == (1, "ada", "v1", 300)
    assert first["error"] == {"code": "io", "message": "disk"}
    assert (second["outcome"], third["outcome"], third["build"], third["worker"]) == ("released", "completed", "v2", "ada")
    assert "error" not in third and third["ended_at"] >= third["started_at"] >= second["ended_at"]
    assert all(each["waited_ms"] >= 0 and each["ran_ms"] >= 0 for each in (first, second, third))
    assert second["ready_at"] >= first["ended_at"]


@pytest.mark.parametrize("outcome", ["snoozed", "discarded", "cancelled", "timed_out", "lost"])
def test_the_history_names_how_an_attempt_ended(server, outcome):
    server.call("PUT", "/v1/queues/default", {"lease_ms": 1000, **SOON})
    id = server.enqueue(**({"attempt_timeout_ms": 200, "max_attempts": 1} if outcome == "timed_out" else {"max_attempts": 1}))
    worker = server.worker()
    (lease,) = worker.lease()
    if outcome == "snoozed":
        worker.report({"token": lease["token"], "outcome": "snoozed", "delay_ms": 60_000})
    if outcome == "discarded":
        worker.report({"token": lease["token"], "outcome": "discarded", "error": {"code": "x", "message": "no need"}})
    if outcome == "cancelled":
        server.post(f"/v1/tasks/{id}/cancel", {})
        worker.release(lease)
    until(lambda: server.task(id)["state"] != "running")
    (attempt,) = attempts(server, id)
    assert attempt["outcome"] == outcome
    assert attempt.get("backoff_ms", 0) == (60_000 if outcome == "snoozed" else 0)


def test_a_deleted_task_leaves_no_history_in_the_store(server, data_dir):
    server.call("PUT", "/v1/queues/default", {"retention": {"completed_tasks": 1}, **SOON})
    ids = [server.enqueue() for _ in range(3)]
    worker = server.worker()
    for lease in [worker.lease()[0] for _ in ids]:
        save(server, lease, steps=[{"name": "s"}], checkpoint={"data": 1}, log={"text": "x\n"})
        worker.fail(lease)
    for _ in ids:
        (lease,) = worker.lease()
        worker.complete(lease)
    server.stop()
    rows = {table: subprocess.run(["sqlite3", "-readonly", str(data_dir / "store.db"), f"SELECT DISTINCT task & 0xffffff FROM {table}"],
                                  text=True, capture_output=True, check=True).stdout.split() for table in ("attempt", "log", "saved")}
    assert rows == {"attempt": ["3"], "log": ["3"], "saved": []}
    server.restart()
    assert server.call("DELETE", f"/v1/tasks/{ids[2]}").status == 200
    server.stop()
    for table in rows:
        count = subprocess.run(["sqlite3", "-readonly", str(data_dir / "store.db"), f"SELECT count(*) FROM {table}"],
                               text=True, capture_output=True, check=True).stdout.strip()
        assert count == "0", table


def test_the_data_of_a_sensitive_task_is_in_no_list_and_no_history(server):
    server.call("PUT", "/v1/queues/default", SOON)
    id = server.enqueue(payload="secret-1", sensitive=True)
    worker = server.worker()
    (lease,) = worker.lease()
    assert lease["sensitive"] is True and lease["payload"] == "secret-1"
    save(server, lease, steps=[{"name": "s", "result": "secret-2"}], checkpoint={"data": "secret-3"},
         progress={"fraction": 0.5, "message": "secret-4"}, log={"text": "secret-5"})
    worker.fail(lease, message="secret-6 failed")
    until(lambda: server.get("/v1/tasks").json["tasks"][0].get("error"))
    assert server.get("/v1/tasks?text=secret-6").json["tasks"] == []
    (lease,) = worker.lease()
    assert lease["steps"] == [{"name": "s", "result": "secret-2"}]
    worker.complete(lease, result="secret-7")
    shown = [server.get("/v1/tasks?results=true"), server.get(f"/v1/tasks/{id}/attempts"), server.get(f"/v1/tasks/{id}/explain")]
    for answer in shown:
        assert answer.status == 200 and b"secret" not in answer.body, answer
    assert "secret" not in server.log
    listed = shown[0].json["tasks"][0]
    assert listed["sensitive"] is True and "result" not in listed and listed["error"]["code"] == "broken"
    assert server.task(id)["result"] == "secret-7"
    assert server.get(f"/v1/tasks/{id}/result").json == "secret-7"


def test_the_command_line_shows_history_and_log(server):
    server.call("PUT", "/v1/queues/default", SOON)
    id = server.enqueue()
    worker = server.worker()
    (lease,) = worker.lease()
    save(server, lease, steps=[{"name": "charge"}], log={"text": "hello\n"})
    worker.fail(lease, code="io", message="disk is gone")
    text = treadle(server, "task", "history", id)
    assert "failed" in text and "io  disk is gone" in text and "steps done: charge" in text
    assert json.loads(treadle(server, "task", "history", id, "-o", "json"))["attempts"][0]["outcome"] == "failed"
    assert treadle(server, "task", "log", id) == "hello\n"


def test_the_standard_error_of_a_program_becomes_its_log(server, tmp_path):
    id = server.enqueue("x")
    worker = subprocess.Popen([BINARY, "worker", "exec", "x", "--build", "v9", "--server", server.url, "--", "sh", "-c", "echo working >&2; echo done"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert server.task(id, wait="30s")["state"] == "completed"
    finally:
        worker.terminate()
        worker.wait()
    assert log_of(server, id) == "working\n"
    assert attempts(server, id)[0]["build"] == "v9"


def test_a_program_that_writes_zero_bytes_fails_and_its_worker_continues(server):
    bad = server.enqueue("x", payload=1, max_attempts=1)
    worker = subprocess.Popen([BINARY, "worker", "exec", "x", "--server", server.url, "--", "sh", "-c", "printf 'a\\0b' >&2; test $(cat) = 2"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert server.task(bad, wait="30s")["state"] == "dead"
        good = server.enqueue("x", payload=2)
        assert server.task(good, wait="30s")["state"] == "completed"
    finally:
        worker.terminate()
        worker.wait()
    assert log_of(server, bad) == "a b\n"


def test_the_output_of_a_sensitive_tasks_program_is_not_passed_on(server, tmp_path):
    id = server.enqueue("x", sensitive=True)
    with open(tmp_path / "log", "wb") as out:
        worker = subprocess.Popen([BINARY, "worker", "exec", "x", "--server", server.url, "--", "sh", "-c", "echo secret >&2"],
                                  stdout=out, stderr=out)
        try:
            assert server.task(id, wait="30s")["state"] == "completed"
        finally:
            worker.terminate()
            worker.wait()
    assert log_of(server, id) == "secret\n"
    assert b"secret" not in (tmp_path / "log").read_bytes()
