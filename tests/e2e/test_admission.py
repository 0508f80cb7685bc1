"""Which tasks a queue accepts: capacity and shedding, idempotency and uniqueness, draining, strict queues,
deletion."""

from treadle import until


def put(server, queue="default", **policy):
    answer = server.call("PUT", f"/v1/queues/{queue}", policy)
    assert answer.status == 200, answer


def crash(server):
    server.kill()
    server.restart()


def enqueue(server, **fields):
    return server.post("/v1/tasks", {"type": "t", **fields})


def test_a_full_queue_refuses_and_says_when_to_try_again(server):
    put(server, capacity={"tasks": 2})
    server.enqueue(), server.enqueue()
    answer = server.enqueue(expect=429)
    assert answer.code == "RESOURCE_EXHAUSTED" and answer.json["retry_after_ms"] > 0
    assert "at most 2 tasks" in answer.detail
    crash(server)
    assert enqueue(server).status == 429
    worker = server.worker()
    worker.complete(worker.lease()[0])
    assert enqueue(server).status == 201


def test_a_batch_that_does_not_fit_adds_no_task(server):
    put(server, capacity={"tasks": 2})
    batch = {"tasks": [{"type": "t"}] * 3}
    assert server.post("/v1/tasks/batch", batch).status == 429
    assert server.queue()["accepted"] == 0


def test_bytes_are_counted_as_well(server):
    put(server, capacity={"bytes": 100})
    server.enqueue(payload="x" * 60)
    assert enqueue(server, payload="x" * 60).status == 429
    assert enqueue(server, payload="x" * 20).status == 201


def test_a_full_queue_sheds_the_newest_of_the_lowest_priority(server):
    put(server, capacity={"tasks": 3, "when_full": "shed"})
    old, new, high = server.enqueue(priority=1), server.enqueue(priority=1), server.enqueue(priority=5)
    comes = server.enqueue(priority=5)
    shed = server.task(new)
    assert (shed["state"], shed["error"]["code"]) == ("cancelled", "shed")
    crash(server)
    assert [server.task(id)["state"] for id in (old, high, comes)] == ["ready"] * 3
    assert enqueue(server, priority=1).status == 429  # nothing has a lower priority


def test_a_duplicate_returns_the_state_of_the_existing_task(server):
    id = server.enqueue(idempotency_key="k")
    worker = server.worker()
    (lease,) = worker.lease()
    answer = enqueue(server, idempotency_key="k")
    assert (answer.status, answer.json) == (200, {"id": id, "duplicate": True, "state": "running"})
    worker.complete(lease)
    until(lambda: server.get("/v1/tasks?state=completed").json["tasks"])
    crash(server)
    assert enqueue(server, idempotency_key="k").json["state"] == "completed"


def test_a_duplicate_can_be_refused(server):
    server.enqueue(idempotency_key="k")
    answer = enqueue(server, idempotency_key="k", on_duplicate="refuse")
    assert (answer.status, answer.code) == (409, "ALREADY_EXISTS")


def test_a_task_that_has_not_begun_can_be_replaced(server):
    old = server.enqueue(idempotency_key="k", payload=1)
    answer = enqueue(server, idempotency_key="k", payload=2, on_duplicate="replace")
    assert answer.status == 201 and answer.json["replaced"] == old
    crash(server)
    assert server.get(f"/v1/tasks/{old}").status == 404
    (lease,) = server.worker().lease()
    assert (lease["id"], lease["payload"]) == (answer.json["id"], 2)
    assert enqueue(server, idempotency_key="k", payload=3, on_duplicate="replace").status == 409
    assert server.queue()["removed"]["replaced"] == 1


def test_a_key_is_free_after_its_own_window(server):
    put(server, idempotency_window_ms=600_000)
    server.enqueue(idempotency_key="k", idempotency_window_ms=1000)
    until(lambda: enqueue(server, idempotency_key="k", idempotency_window_ms=1000).status == 201)


def test_a_key_that_is_unique_while_its_task_waits_is_free_once_it_begins(server):
    first = server.enqueue(idempotency_key="k", unique_while="waiting")
    assert server.enqueue(idempotency_key="k", unique_while="waiting", expect=200) == first
    server.worker().lease()
    assert server.enqueue(idempotency_key="k", unique_while="waiting") != first


def test_a_key_that_is_unique_until_done_outlives_failures_and_crashes_and_no_timer_frees_it(server):
    put(server, idempotency_window_ms=1000, retry={"backoff_base_ms": 0})
    first = server.enqueue(idempotency_key="k", unique_while="done")
    worker = server.worker()
    worker.fail(worker.lease()[0])
    crash(server)
    assert server.enqueue(idempotency_key="k", unique_while="done", expect=200) == first
    worker = server.worker()
    worker.complete(worker.lease()[0])
    assert server.enqueue(idempotency_key="k", unique_while="done") != first


def test_a_task_whose_unique_key_is_taken_by_another_is_not_redriven(server):
    first = server.enqueue(idempotency_key="k", unique_while="done")
    worker = server.worker()
    worker.fail(worker.lease()[0], retry=False)
    second = server.enqueue(idempotency_key="k", unique_while="done")
    answer = server.post(f"/v1/tasks/{first}/redrive", None)
    assert (answer.status, answer.code) == (409, "ALREADY_EXISTS") and second in answer.detail
    bulk = server.post("/v1/bulk?state=dead", {"action": "redrive"}).json["id"]
    ended = until(lambda: server.get(f"/v1/bulk/{bulk}").json, lambda bulk: bulk["state"] == "done")
    assert (ended["changed"], ended["skipped"]) == (0, 1)
    assert server.post(f"/v1/tasks/{second}/cancel", {}).status == 200
    crash(server)
    assert server.post(f"/v1/tasks/{first}/redrive", None).status == 200
    crash(server)
    assert server.enqueue(idempotency_key="k", unique_while="done", expect=200) == first
    assert server.queue()["tasks"]["ready"] == 1


def test_a_unique_task_keeps_its_key_in_another_queue(server):
    first = server.enqueue(idempotency_key="k", unique_while="done")
    second = server.enqueue(idempotency_key="k", unique_while="done", queue="other")
    answer = server.call("PATCH", f"/v1/tasks/{first}", {"queue": "other"})
    assert (answer.status, answer.code) == (409, "ALREADY_EXISTS") and second in answer.detail
    assert server.post(f"/v1/tasks/{second}/cancel", {}).status == 200
    assert server.call("PATCH", f"/v1/tasks/{first}", {"queue": "other"}).status == 200
    assert server.enqueue(idempotency_key="k", unique_while="done", queue="other", expect=200) == first


def test_redrives_and_moves_need_room(server):
    put(server, capacity={"tasks": 1})
    dead = server.enqueue()
    worker = server.worker()
    worker.fail(worker.lease()[0], retry=False)
    server.enqueue()
    assert server.post(f"/v1/tasks/{dead}/redrive", None).status == 429
    elsewhere = server.enqueue(queue="other")
    answer = server.call("PATCH", f"/v1/tasks/{elsewhere}", {"queue": "default"})
    assert (answer.status, answer.code) == (429, "RESOURCE_EXHAUSTED")
    put(server, capacity={"tasks": 0}, draining=True)
    assert server.post(f"/v1/tasks/{dead}/redrive", None).status == 409
    assert server.call("PATCH", f"/v1/tasks/{elsewhere}", {"queue": "default"}).status == 409


def test_uniqueness_needs_a_key(server):
    assert "idempotency_key" in enqueue(server, unique_while="done").detail
    assert "not both" in enqueue(server, idempotency_key="k", unique_while="done", idempotency_window_ms=5000).detail


def test_a_draining_queue_takes_no_tasks_and_finishes_those_it_has(server):
    server.enqueue()
    put(server, draining=True)
    crash(server)
    answer = enqueue(server)
    assert (answer.status, answer.code) == (409, "FAILED_PRECONDITION")
    worker = server.worker()
    assert worker.complete(worker.lease()[0]) == "OK"


def test_strict_queues_are_created_only_by_their_policy(start_server, data_dir):
    server = start_server(data_dir, "--strict-queues")
    answer = enqueue(server, queue="emails")
    assert answer.status == 404 and "strict_queues" in answer.detail
    put(server, "emails")
    assert enqueue(server, queue="emails").status == 201


def test_a_queue_is_deleted_when_it_is_empty_and_comes_back_with_its_next_task(server):
    put(server, "emails", retention={"completed_tasks": 0}, lease_ms=5000)
    id = server.enqueue(queue="emails")
    assert server.call("DELETE", "/v1/queues/emails").status == 409
    worker = server.worker(queues=["emails"])
    worker.complete(worker.lease()[0])
    until(lambda: server.queue("emails")["tasks"]["completed"] == 0)
    assert server.call("DELETE", "/v1/queues/emails").status == 200
    crash(server)
    assert server.get("/v1/queues/emails").status == 404
    assert all(queue["name"] != "emails" for queue in server.get("/v1/queues").json["queues"])
    assert server.enqueue(queue="emails") != id
    assert server.queue("emails")["policy"]["lease_ms"] == 30_000
