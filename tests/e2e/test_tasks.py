"""The life of a task, from the producer's side of the protocol."""

import base64
import hashlib
import threading
import time

import pytest

from treadle import until


def test_a_task_is_enqueued_run_and_read(server):
    answer = server.post("/v1/tasks", {"type": "hello", "payload": {"name": "Ada"}})
    assert answer.status == 201
    id = answer.json["id"]
    assert answer.json["duplicate"] is False
    task = server.task(id)
    assert (task["state"], task["attempt"], task["priority"], task["queue"]) == ("ready", 0, 5, "default")

    worker = server.worker("hello", name="host-1")
    (lease,) = worker.lease()
    assert (lease["id"], lease["payload"], lease["attempt"]) == (id, {"name": "Ada"}, 1)
    task = server.task(id)
    assert (task["state"], task["worker"], task["attempt"]) == ("running", "host-1", 1)
    assert server.get(f"/v1/tasks/{id}/result").code == "FAILED_PRECONDITION"

    assert worker.complete(lease, result={"greeting": "HELLO"}) == "OK"
    task = server.task(id)
    assert (task["state"], task["result"]) == ("completed", {"greeting": "HELLO"})
    assert task["finished_at"] >= task["started_at"] >= task["enqueued_at"]
    assert server.get(f"/v1/tasks/{id}/result").body == b'{"greeting": "HELLO"}'


@pytest.mark.parametrize("payload", [
    b'{ "b" : [1, 2.50, -0e+7 ] , "a":{}}', b'"\\u00e9\\ud83d\\ude00"', b"123456789012345678901234567890", b"null",
    '"é😀"'.encode(), b"[ ]", b'{"a":1, "a":2}'])
def test_json_payloads_keep_their_exact_bytes(shared_server, payload):
    answer = shared_server.post("/v1/tasks", b'{"type":"verbatim", "payload":  ' + payload + b'  }')
    assert answer.status == 201, answer
    raw = shared_server.get(f"/v1/tasks/{answer.json['id']}/payload")
    assert (raw.status, raw.content_type, raw.body) == (200, "application/json", payload)
    assert raw.headers["Treadle-Sha256"] == hashlib.sha256(payload).hexdigest()
    exchange = shared_server.worker("verbatim")
    answer = shared_server.post("/v1/exchange", exchange.request(wait_ms=10_000))
    assert b'"payload":' + payload + b"}" in answer.body
    assert answer.json["leases"][0]["payload_sha256"] == hashlib.sha256(payload).hexdigest()
    assert exchange.complete(answer.json["leases"][0]) == "OK"


def test_other_bytes_travel_as_base64(shared_server):
    data = bytes(range(256))
    id = shared_server.enqueue("image", payload_base64=base64.b64encode(data).decode(), content_type="image/png",
                               payload_sha256=hashlib.sha256(data).hexdigest())
    raw = shared_server.get(f"/v1/tasks/{id}/payload")
    assert (raw.content_type, raw.body) == ("image/png", data)
    assert raw.headers["X-Content-Type-Options"] == "nosniff"
    worker = shared_server.worker("image")
    (lease,) = worker.lease()
    assert base64.b64decode(lease["payload_base64"]) == data and "payload" not in lease
    assert worker.complete(lease, result_base64=base64.b64encode(data).decode()) == "OK"
    result = shared_server.get(f"/v1/tasks/{id}/result")
    assert (result.content_type, result.body) == ("application/octet-stream", data)
    task = shared_server.task(id)
    assert base64.b64decode(task["result_base64"]) == data and task["payload_bytes"] == 256


def test_a_wrong_digest_is_refused(shared_server):
    answer = shared_server.enqueue(expect=400, payload=1, payload_sha256="0" * 64)
    assert answer.code == "INVALID_ARGUMENT" and "payload_sha256" in answer.detail


def test_an_idempotency_key_admits_one_task(shared_server):
    ask = {"type": "once", "payload": 1, "idempotency_key": "k"}
    first = shared_server.post("/v1/tasks", ask)
    again = shared_server.post("/v1/tasks", {"type": "once", "payload": 1}, headers={"Idempotency-Key": "k"})
    assert (first.status, again.status) == (201, 200)
    assert again.json == {"id": first.json["id"], "duplicate": True, "state": "ready"}
    other = shared_server.post("/v1/tasks", {**ask, "payload": 2})
    assert (other.status, other.code) == (409, "ALREADY_EXISTS")
    elsewhere = shared_server.post("/v1/tasks", {**ask, "queue": "elsewhere"})
    assert elsewhere.status == 201
    differs = shared_server.post("/v1/tasks", ask, headers={"Idempotency-Key": "other"})
    assert (differs.status, differs.code) == (400, "INVALID_ARGUMENT")
    for path, body in (("/v1/tasks", ask), ("/v1/tasks/batch", {"tasks": [ask]})):
        empty = shared_server.post(path, body, headers={"Idempotency-Key": ""})
        assert (empty.status, empty.code) == (400, "INVALID_ARGUMENT") and "Idempotency-Key" in empty.detail


def test_a_batch_is_all_or_nothing(server):
    tasks = [{"type": "t", "payload": n, "idempotency_key": f"k{n % 3}", "queue": "b"} for n in range(3)]
    answer = server.post("/v1/tasks/batch", {"tasks": tasks + tasks[:1]})
    assert answer.status == 201
    assert [each["duplicate"] for each in answer.json["tasks"]] == [False, False, False, True]
    assert answer.json["tasks"][3]["id"] == answer.json["tasks"][0]["id"]
    bad = server.post("/v1/tasks/batch", {"tasks": [{"type": "t", "queue": "b"}] * 3 + [{"type": "t", "priority": 10}]})
    assert bad.status == 400
    assert bad.detail == "tasks[3].priority must be a whole number from 0 to 9"
    clash = server.post("/v1/tasks/batch", {"tasks": [{"type": "t", "queue": "b"}, {**tasks[0], "payload": 9}]})
    assert (clash.status, clash.code) == (409, "ALREADY_EXISTS")
    assert server.queue("b")["accepted"] == 3
    assert server.post("/v1/tasks/batch", {"tasks": []}).status == 400
    assert server.post("/v1/tasks/batch", {"tasks": [{"type": "t"}] * 1001}).status == 400
    most = server.post("/v1/tasks/batch", {"tasks": [{"type": "t", "queue": "b"}] * 1000})
    assert most.status == 201 and len(most.json["tasks"]) == 1000


def test_higher_priorities_go_first_and_equal_ones_in_order(server):
    ids = {p: [server.enqueue(priority=p) for _ in range(2)] for p in (0, 5, 9)}
    leases = server.worker().lease(want=6)
    assert [each["id"] for each in leases] == ids[9] + ids[5] + ids[0]


def test_a_scheduled_task_waits_for_its_time(server):
    far = server.enqueue("later", run_at="2999-01-01T02:00:00+02:00")
    assert server.task(far)["run_at"] == "2999-01-01T00:00:00.000Z"
    soon = server.enqueue("later", delay_ms=300)
    assert server.task(soon)["state"] == "scheduled"
    start = time.monotonic()
    (lease,) = server.worker("later").lease(want=2)
    assert lease["id"] == soon and time.monotonic() - start < 5
    past = server.enqueue("later", run_at="2001-01-01T00:00:00Z")
    assert server.task(past)["state"] == "ready"
    assert server.queue()["tasks"]["scheduled"] == 1


def test_a_reader_may_wait_for_the_end_of_a_task(server):
    id = server.enqueue()
    worker = server.worker()
    (lease,) = worker.lease()
    answers = []
    waiting = [threading.Thread(target=lambda p=path: answers.append(server.get(p)))
               for path in (f"/v1/tasks/{id}?wait=30s", f"/v1/tasks/{id}/result?wait=30s")]
    for each in waiting:
        each.start()
    assert server.task(id, wait="50ms")["state"] == "running"
    worker.complete(lease, result=7)
    for each in waiting:
        each.join(20)
    assert sorted(answer.body == b"7" or answer.json["state"] == "completed" for answer in answers) == [True, True]


def test_lists_come_newest_first_and_page_by_page(server):
    batch = server.post("/v1/tasks/batch", {"tasks": [{"type": "a"}, {"type": "b"}] * 10})
    ids = [each["id"] for each in batch.json["tasks"]]
    worker = server.worker("a")
    (lease,) = worker.lease()
    worker.complete(lease, result={"n": 1})

    def page(query):
        answer = server.get(f"/v1/tasks?{query}")
        assert answer.status == 200, answer
        return answer.json

    until(lambda: page("state=completed")["tasks"])
    assert [t["id"] for t in page("limit=1000")["tasks"]] == ids[::-1]
    seen, cursor = [], ""
    while True:
        part = page("limit=7" + (f"&cursor={cursor}" if cursor else ""))
        seen += [t["id"] for t in part["tasks"]]
        cursor = part.get("next_cursor")
        if not cursor:
            break
    assert seen == ids[::-1]
    assert [t["id"] for t in page("type=b&limit=3")["tasks"]] == ids[1::2][::-1][:3]
    (done,) = page("state=completed&results=true&queue=default")["tasks"]
    assert (done["id"], done["result"]) == (ids[0], {"n": 1})
    assert "result" not in page("state=completed")["tasks"][0]
    assert page("queue=none")["tasks"] == []
    assert page("limit=1")["as_of"].endswith("Z")


def test_queues_count_their_tasks_and_keep_their_policy(server):
    for _ in range(3):
        server.enqueue(queue="billing.invoices")
    worker = server.worker(queues=["billing.invoices"])
    leases = worker.lease(want=2)
    worker.complete(leases[0])
    worker.fail(leases[1], retry=False)
    queue = server.queue("billing.invoices")
    assert queue["tasks"] == {"scheduled": 0, "ready": 1, "running": 0, "retrying": 0, "completed": 1, "dead": 1,
                              "cancelled": 0, "expired": 0}
    assert queue["accepted"] == sum(queue["tasks"].values()) + sum(queue["removed"].values())

    change = {"retry": {"backoff_cap_ms": 3_600_000}, "lease_ms": 5_000}
    changed = server.call("PUT", "/v1/queues/billing.invoices", change)
    assert changed.status == 200
    retry = changed.json["policy"]["retry"]
    assert (retry["backoff_base_ms"], retry["backoff_cap_ms"]) == (500, 3_600_000)
    assert changed.json["policy"]["lease_ms"] == 5_000
    fresh = server.call("PUT", "/v1/queues/fresh", {"retention": {"completed_tasks": 5}})
    assert fresh.status == 200 and fresh.json["policy"]["retention"]["dead_ms"] == 2_592_000_000
    names = [each["name"] for each in server.get("/v1/queues").json["queues"]]
    assert names == ["billing.invoices", "fresh"]
    bad = server.call("PUT", "/v1/queues/fresh", {"lease_ms": 5})
    assert bad.status == 400 and "lease_ms must be from 1000" in bad.detail
    assert server.queue("fresh")["policy"]["lease_ms"] == 30_000
    server.kill()
    server.restart()
    assert server.queue("billing.invoices")["policy"] == changed.json["policy"]


def test_only_the_newest_completed_tasks_are_kept(server):
    server.call("PUT", "/v1/queues/short", {"retention": {"completed_tasks": 2}})
    ids = [server.enqueue(queue="short") for _ in range(5)]
    worker = server.worker(queues=["short"])
    for lease in worker.lease(want=5):
        assert worker.complete(lease) == "OK"
    queue = until(lambda: server.queue("short"), lambda q: q["removed"]["retention"] == 3)
    assert queue["tasks"]["completed"] == 2 and queue["accepted"] == 5
    assert server.get(f"/v1/tasks/{ids[0]}").code == "NOT_FOUND"
    assert server.task(ids[4])["state"] == "completed"


def test_a_kill_loses_nothing_that_was_acknowledged(server):
    done, ready, held = (server.enqueue(payload=n, idempotency_key=f"k{n}") for n in range(3))
    later = server.enqueue(delay_ms=3_600_000)
    worker = server.worker()
    leases = {lease["id"]: lease for lease in worker.lease(want=3)}
    assert worker.complete(leases[done], result={"kept": True}) == "OK"
    assert worker.release(leases[ready]) == "OK"
    term = server.get("/v1/info").json["term"]
    for _ in range(2):  # the second time also from the store
        server.kill()
        server.restart()
        assert server.get("/v1/info").json["term"] > term
        assert server.task(done)["result"] == {"kept": True}
        assert [server.task(id)["state"] for id in (ready, held, later)] == ["ready", "running", "scheduled"]
        assert server.get(f"/v1/tasks/{ready}/payload").body == b"1"
        assert server.enqueue(payload=0, idempotency_key="k0", expect=200) == done
        server.stop()
        server.restart()
    assert worker.complete(leases[held], result="late") == "OK"  # its lease outlived the servers
    assert server.task(held)["state"] == "completed"
    assert worker.complete(leases[done], result="again") == "OK"
    assert server.task(done)["result"] == {"kept": True}
