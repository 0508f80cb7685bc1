"""What operators do to tasks and queues: over HTTP, on the command line, and through a kill -9."""

import json

from treadle import until


def stand(server, id, verb, body=None, expect=200):
    answer = server.call("POST", f"/v1/tasks/{id}/{verb}", body)
    assert answer.status == expect, answer
    return answer.json


def reason(server, id):
    answer = server.get(f"/v1/tasks/{id}/explain")
    assert answer.status == 200, answer
    return answer.json["reason"]


def crash(server):
    server.kill()
    server.restart()


def test_a_worker_that_has_left_is_not_reported_as_busy(server):
    server.call("PUT", "/v1/queues/default", {"lease_ms": 3000})
    server.enqueue()
    worker = server.worker()
    worker.lease()
    waits = server.enqueue(priority=0)
    assert reason(server, waits) == "workers_busy"
    until(lambda: reason(server, waits) == "no_worker")


def test_run_now_makes_a_scheduled_task_ready(server):
    id = server.enqueue(delay_ms=10**9)
    assert reason(server, id) == "not_due"
    assert stand(server, id, "run-now") == {"id": id, "state": "ready", "changed": True, "cancel_requested": False}
    assert stand(server, id, "run-now")["changed"] is False
    assert server.worker().lease()[0]["id"] == id


def test_calls_without_fields_accept_an_empty_object(server):
    id = server.enqueue(delay_ms=10**9)
    assert stand(server, id, "run-now", {})["state"] == "ready"
    assert "this object takes no fields" in stand(server, id, "run-now", {"now": 1}, expect=400)["detail"]
    stand(server, id, "cancel", {})
    assert stand(server, id, "redrive", {})["state"] == "ready"
    for method, path, status in (("POST", "queues/default/pause", 200), ("POST", "queues/default/resume", 200),
                                 ("DELETE", f"tasks/{id}", 200), ("DELETE", "queues/default", 200),
                                 ("POST", "backups", 202)):
        assert server.call(method, f"/v1/{path}", {"a": 1}).status == 400
        assert server.call(method, f"/v1/{path}", {}).status == status, path


def test_a_waiting_task_is_cancelled_at_once_and_stays_so_through_a_crash(server):
    id = server.enqueue()
    stand(server, id, "cancel", {"reason": "no longer wanted"})
    crash(server)
    task = server.task(id)
    error = task["error"]
    assert (task["state"], error["code"], error["message"]) == ("cancelled", "asked", "no longer wanted")
    assert server.worker().exchange()["leases"] == []
    assert server.queue()["tasks"]["cancelled"] == 1
    assert [each["id"] for each in server.get("/v1/tasks?state=cancelled").json["tasks"]] == [id]


def test_a_parked_worker_learns_of_a_cancellation_and_its_failure_cancels_the_task(server):
    id = server.enqueue()
    worker = server.worker()
    (lease,) = worker.lease()
    assert stand(server, id, "cancel")["cancel_requested"] is True
    answer = worker.exchange(want=0, wait_ms=10_000, renew=[lease["token"]])
    assert answer["cancelled"] == [lease["token"]] and answer["lost"] == []
    assert server.task(id)["cancel_requested"] is True and reason(server, id) == "cancelling"
    assert worker.fail(lease) == "OK"
    assert server.task(id)["state"] == "cancelled"


def test_a_task_with_a_cancel_request_may_still_complete(server):
    id = server.enqueue()
    worker = server.worker()
    (lease,) = worker.lease()
    stand(server, id, "cancel")
    assert worker.complete(lease) == "OK"
    assert server.task(id)["state"] == "completed"


def test_a_cancellation_is_durable_while_the_worker_is_away(server):
    server.call("PUT", "/v1/queues/default", {"cancel_grace_ms": 600_000})
    id = server.enqueue()
    worker = server.worker()
    (lease,) = worker.lease()
    stand(server, id, "cancel")
    crash(server)
    assert worker.exchange(want=0, wait_ms=10_000, renew=[lease["token"]])["cancelled"] == [lease["token"]]
    assert worker.release(lease) == "OK"
    assert server.task(id)["state"] == "cancelled"


def test_after_the_grace_the_lease_is_revoked(server):
    server.call("PUT", "/v1/queues/default", {"cancel_grace_ms": 100})
    id = server.enqueue()
    worker = server.worker()
    (lease,) = worker.lease()
    stand(server, id, "cancel")
    lost = until(lambda: worker.exchange(want=0, wait_ms=5_000, renew=[lease["token"]])["lost"])
    assert lost == [lease["token"]]
    assert server.task(id)["state"] == "cancelled"
    assert worker.complete(lease) == "LEASE_LOST"


def test_a_dead_task_is_fixed_and_redriven_with_fresh_attempts(server):
    id = server.enqueue(payload={"to": "nobody"}, max_attempts=1)
    worker = server.worker()
    (old,) = worker.lease()
    worker.fail(old)
    assert server.task(id)["state"] == "dead"
    assert server.call("PATCH", f"/v1/tasks/{id}", {"payload": {"to": "Ada"}}).status == 200
    crash(server)
    stand(server, id, "redrive")
    crash(server)
    (lease,) = worker.lease()
    assert (lease["id"], lease["attempt"], lease["payload"]) == (id, 1, {"to": "Ada"})
    assert worker.complete(old) == "LEASE_LOST"
    assert worker.complete(lease) == "OK"
    queue = server.queue()
    assert queue["tasks"]["dead"] == 0 and queue["accepted"] == 1


def test_a_task_moves_to_another_queue_with_its_age_and_payload(server):
    first, second = server.enqueue(payload="first"), server.enqueue(payload="second", queue="other")
    answer = server.call("PATCH", f"/v1/tasks/{first}", {"queue": "other", "max_attempts": 3})
    assert answer.json["changed"] is True
    crash(server)
    assert server.task(first)["queue"] == "other"
    leases = server.worker(queues=("default", "other")).lease(want=2)
    assert [(each["id"], each["payload"]) for each in leases] == [(first, "first"), (second, "second")]
    assert server.queue()["removed"]["moved"] == 1 and server.queue("other")["accepted"] == 2


def test_a_task_does_not_move_to_a_queue_that_drains(server):
    server.call("PUT", "/v1/queues/other", {"draining": True})
    id = server.enqueue()
    answer = server.call("PATCH", f"/v1/tasks/{id}", {"queue": "other"})
    assert answer.status == 409 and "draining" in answer.detail


def test_a_moved_task_is_in_lists_once(server):
    id = server.enqueue()
    until(lambda: server.get("/v1/tasks").json["tasks"])
    server.call("PATCH", f"/v1/tasks/{id}", {"queue": "other", "priority": 9})
    listed = until(lambda: [t for t in server.get("/v1/tasks").json["tasks"] if t["queue"] == "other"])
    assert [(each["id"], each["priority"]) for each in listed] == [(id, 9)]
    assert len(server.get("/v1/tasks").json["tasks"]) == 1


def test_a_deleted_task_is_gone_and_its_key_is_free(server):
    id = server.enqueue(idempotency_key="once")
    assert server.call("DELETE", f"/v1/tasks/{id}").status == 200
    crash(server)
    assert server.get(f"/v1/tasks/{id}").status == 404
    assert server.enqueue(idempotency_key="once") != id
    queue = server.queue()
    assert (queue["accepted"], queue["removed"]["deleted"]) == (2, 1)


def test_an_ended_task_is_also_deleted_from_the_store(server):
    id = server.enqueue()
    worker = server.worker()
    worker.complete(worker.lease()[0])
    until(lambda: server.get("/v1/tasks").json["tasks"])
    assert server.call("DELETE", f"/v1/tasks/{id}").json["state"] == "completed"
    assert server.get(f"/v1/tasks/{id}").status == 404
    until(lambda: not server.get("/v1/tasks").json["tasks"])
    crash(server)
    assert server.get(f"/v1/tasks/{id}").status == 404


def test_waiting_for_a_task_ends_when_it_is_deleted(server):
    id = server.enqueue()
    waiting = server.later("GET", f"/v1/tasks/{id}?wait=30s")
    assert server.call("DELETE", f"/v1/tasks/{id}").status == 200
    assert waiting.result().status == 404


def test_a_paused_queue_gives_no_tasks_and_resuming_wakes_its_workers(server):
    id = server.enqueue()
    assert server.call("POST", "/v1/queues/default/pause").json["policy"]["paused"] is True
    crash(server)
    assert reason(server, id) == "queue_paused"
    worker = server.worker()
    assert worker.exchange()["leases"] == []
    waiting = server.later("POST", "/v1/exchange", worker.request(want=1, wait_ms=30_000))
    until(lambda: "treadle_exchanges_parked 1" in server.get("/metrics").body.decode())
    server.call("POST", "/v1/queues/default/resume")
    assert [each["id"] for each in waiting.result().json["leases"]] == [id]


def test_explain_names_the_reason_and_the_way_out(server):
    id = server.enqueue()
    second = server.enqueue()
    assert reason(server, id) == "no_worker"
    worker = server.worker()
    (lease,) = worker.lease()
    assert reason(server, id) == "running"
    explained = server.get(f"/v1/tasks/{second}/explain").json
    assert (explained["reason"], explained["ahead"], explained["workers"]) == ("workers_busy", 0, 1)
    worker.fail(lease, delay_ms=600_000)
    assert reason(server, id) == "backing_off"
    assert server.get("/v1/tasks/1-99/explain").status == 404


def test_the_commands_print_what_happened_to_a_task(server):
    id = server.enqueue(delay_ms=10**9)
    assert "is not due until" in server.run("task", "explain", id).stdout.replace("It is", "is")
    assert "task run-now 1-1 makes it ready" in server.run("task", "explain", id).stdout
    assert server.run("task", "edit", id, '{"n":1}', "--priority", "7").stdout == f"task {id} is changed\n"
    assert server.run("task", "move", id, "emails").stdout == f"task {id} is moved\n"
    assert server.run("task", "run-now", id).stdout == f"task {id} is ready\n"
    assert server.run("task", "payload", id).stdout == '{"n":1}'
    assert server.run("task", "cancel", id, "--reason", "a test").stdout == f"task {id} is cancelled\n"
    assert server.run("task", "cancel", id).stdout == f"task {id} was already cancelled\n"
    assert "a test" in server.run("task", "explain", id).stdout
    assert server.run("task", "redrive", id).stdout == f"task {id} is ready again\n"
    assert server.run("task", "delete", id).stdout == f"task {id} is deleted\n"
    assert "there is no task" in server.run("task", "delete", id, expect=None).stderr
    assert "is paused" in server.run("queue", "pause", "emails").stdout
    assert json.loads(server.run("queue", "resume", "emails", "-o", "json").stdout)["policy"]["paused"] is False
    assert "no queue nowhere" in server.run("queue", "pause", "nowhere", expect=None).stderr


def test_an_empty_edit_is_refused_before_it_is_sent(server):
    id = server.enqueue()
    assert "nothing to change" in server.run("task", "edit", id, expect=None).stderr
    assert "not JSON" in server.run("task", "edit", id, "{oops", expect=None).stderr


def test_an_operator_revokes_a_lease_without_spending_an_attempt(server):
    id = server.enqueue(max_attempts=1)
    stuck, other = server.worker(name="node-1"), server.worker(name="node-2")
    (lease,) = stuck.lease()
    parked = server.later("POST", "/v1/exchange", stuck.request(want=0, wait_ms=30_000, renew=[lease["token"]]))
    until(lambda: "treadle_exchanges_parked 1" in server.get("/metrics").body.decode())
    answer = stand(server, id, "release", {"reason": "node-1 hangs"})
    assert answer == {"id": id, "state": "ready", "changed": True, "cancel_requested": False}
    assert parked.result(30).json["lost"] == [lease["token"]], "its worker must learn it at once"
    assert server.task(id)["error"]["code"] == "released_by_hand"
    crash(server)
    stuck.http = other.http = server
    (again,) = other.lease()
    assert (again["id"], again["attempt"]) == (id, 1)
    assert stuck.complete(lease) == "LEASE_LOST"
    assert stuck.fail(lease) == "LEASE_LOST"
    assert stuck.release(lease) == "LEASE_LOST"
    assert other.complete(again) == "OK"
    first = server.get(f"/v1/tasks/{id}/attempts").json["attempts"][0]
    assert (first["outcome"], first["worker"]) == ("released", "node-1")
    assert first["error"] == {"code": "released_by_hand", "message": "node-1 hangs"}


def test_releasing_a_task_that_does_not_run_changes_nothing(server):
    id = server.enqueue(delay_ms=10**9)
    assert stand(server, id, "release") == {"id": id, "state": "scheduled", "changed": False, "cancel_requested": False}
    stand(server, id, "run-now")
    worker = server.worker()
    worker.complete(worker.lease()[0])
    assert stand(server, id, "release", expect=409)["code"] == "FAILED_PRECONDITION"
    assert stand(server, "1-999", "release", expect=404)["code"] == "NOT_FOUND"
    assert stand(server, id, "release", {"reason": 7}, expect=400)["code"] == "INVALID_ARGUMENT"


def test_revoking_the_lease_of_a_task_with_a_cancel_request_cancels_it(server):
    id = server.enqueue()
    server.worker().lease()
    stand(server, id, "cancel", {"reason": "withdrawn"})
    assert stand(server, id, "release")["state"] == "cancelled"
    assert server.task(id)["error"]["message"] == "withdrawn"


def test_the_command_line_revokes_leases(server):
    ids = [server.enqueue() for _ in range(3)]
    server.worker(name="node-1").lease(want=3)
    assert f"task {ids[0]} is ready again" in server.run("task", "release", ids[0], "--reason", "node-1 is gone").stdout
    assert "was not running" in server.run("task", "release", ids[0]).stdout
    history = server.run("task", "history", ids[0]).stdout
    assert "released" in history and "released_by_hand" in history and "node-1 is gone" in history
    end = server.run("bulk", "release", "--state", "running", "--worker", "node-1", "--yes", "--reason", "gone").stdout
    assert "2 changed" in end
    assert server.queue()["tasks"]["ready"] == 3
