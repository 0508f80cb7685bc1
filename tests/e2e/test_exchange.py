"""The life of a task, from the worker's side of the protocol."""

import http.client
import json
import threading
import time

from treadle import until


def test_a_failed_task_is_retried_and_dies_in_the_end(server):
    server.call("PUT", "/v1/queues/default", {"retry": {"backoff_base_ms": 50, "backoff_cap_ms": 50}})
    id = server.enqueue(max_attempts=2)
    worker = server.worker()
    (lease,) = worker.lease()
    assert worker.fail(lease, "first", "try again") == "OK"
    task = server.task(id)
    assert task["state"] in ("retrying", "ready") and task["error"]["code"] == "first" and task["error"]["message"] == "try again"
    (lease,) = worker.lease()
    assert lease["attempt"] == 2
    assert worker.fail(lease, "second", "no more") == "OK"
    task = server.task(id)
    assert (task["state"], task["attempt"], task["error"]["code"]) == ("dead", 2, "second")
    answer = server.get(f"/v1/tasks/{id}/result")
    assert answer.code == "FAILED_PRECONDITION" and "second: no more" in answer.detail


def test_a_retrying_task_says_when_it_will_be_retried(server):
    server.call("PUT", "/v1/queues/default", {"retry": {"backoff_base_ms": 3_600_000, "backoff_cap_ms": 3_600_000}})
    id = server.enqueue()
    worker = server.worker()
    worker.fail(worker.lease()[0])
    task = server.task(id)
    assert task["state"] == "retrying" and task["next_attempt_at"] >= task["started_at"]


def test_the_answer_to_a_failure_says_what_follows(server):
    server.call("PUT", "/v1/queues/default", {"retry": {"backoff": "fixed", "jitter": "none", "backoff_base_ms": 5_000}})
    server.enqueue(max_attempts=1)
    server.enqueue()
    worker = server.worker()
    last, first = worker.lease(want=2)
    report = {"outcome": "failed", "error": {"code": "c", "message": "m"}}
    request = worker.request(want=0, reports=[{"token": first["token"], **report}, {"token": last["token"], **report}])
    again, dead = worker.send(request)["reports"]
    assert again == {"token": first["token"], "code": "OK", "state": "retrying", "retry_in_ms": 5_000}
    assert dead == {"token": last["token"], "code": "OK", "state": "dead"}
    repeated, dead_still = worker.send(request)["reports"]
    assert dead_still == dead and repeated["state"] == "retrying" and 0 <= repeated["retry_in_ms"] <= 5_000
    server.call("POST", f"/v1/tasks/{first['id']}/run-now")
    assert worker.send(request)["reports"][0] == {**again, "state": "ready", "retry_in_ms": 0}


def test_a_failure_without_retry_is_final(server):
    id = server.enqueue()
    worker = server.worker()
    worker.fail(worker.lease()[0], retry=False)
    assert server.task(id)["state"] == "dead"


def test_a_released_task_spends_no_attempt(server):
    id = server.enqueue()
    worker = server.worker()
    assert worker.release(worker.lease()[0]) == "OK"
    assert (server.task(id)["state"], server.task(id)["attempt"]) == ("ready", 0)
    assert worker.lease()[0]["attempt"] == 1


def test_a_lost_lease_has_no_effect(server):
    server.call("PUT", "/v1/queues/default", {"lease_ms": 1000, "retry": {"backoff_base_ms": 0}})
    id = server.enqueue()
    slow, quick = server.worker(name="slow"), server.worker(name="quick")
    (old,) = slow.lease()
    parked = slow.exchange(want=0, wait_ms=20_000)  # renews nothing, and learns of its loss
    assert parked["lost"] == [old["token"]]
    assert server.task(id)["error"]["code"] == "lease_expired"
    (new,) = quick.lease()
    assert new["attempt"] == 2 and new["token"] != old["token"]
    assert slow.complete(old, result="old") == "LEASE_LOST"
    assert quick.complete(new, result="new") == "OK"
    assert server.task(id)["result"] == "new"
    assert slow.exchange(want=0, renew=[old["token"]])["lost"] == [old["token"]]


def test_a_renewed_lease_is_kept(server):
    server.call("PUT", "/v1/queues/default", {"lease_ms": 1000})
    server.enqueue()
    worker = server.worker()
    (lease,) = worker.lease()
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        assert worker.exchange(want=0, wait_ms=200, renew=[lease["token"]])["lost"] == []
    assert worker.complete(lease) == "OK"


def test_a_repeated_exchange_gets_the_same_answer(server):
    server.call("PUT", "/v1/queues/default", {"attempt_timeout_ms": 1_800_000})
    for n in range(3):
        server.enqueue(payload=n)
    worker = server.worker()
    ask = worker.request(want=2)
    first = worker.send(ask)
    assert len(first["leases"]) == 2
    again = worker.send(ask)
    for lease in (*first["leases"], *again["leases"]):
        assert lease.pop("timeout_ms") > 1_000_000  # the rest of the timeout
    assert again["leases"] == first["leases"]
    report = worker.request(want=0, reports=[
        {"token": first["leases"][0]["token"], "outcome": "completed", "result": "once"},
        {"token": "1-999.1.1", "outcome": "released"}])
    assert [each["code"] for each in worker.send(report)["reports"]] == ["OK", "NOT_FOUND"]
    assert [each["code"] for each in worker.send(report)["reports"]] == ["OK", "NOT_FOUND"]
    assert server.queue()["tasks"]["completed"] == 1


def test_a_parked_exchange_wakes_only_for_its_types_and_queues(server):
    worker = server.worker("wanted", queues=["here"])
    replies = []
    thread = threading.Thread(target=lambda: replies.append(worker.exchange(wait_ms=20_000)))
    thread.start()
    until(lambda: "treadle_exchanges_parked 1" in server.get("/metrics").body.decode())
    server.enqueue("other", queue="here")
    server.enqueue("wanted", queue="there")
    id = server.enqueue("wanted", queue="here")
    thread.join(15)
    assert [lease["id"] for lease in replies[0]["leases"]] == [id]


def test_a_newer_exchange_ends_the_one_that_waits(server):
    worker = server.worker()
    replies = []
    thread = threading.Thread(target=lambda: replies.append(worker.exchange(wait_ms=30_000)))
    thread.start()
    until(lambda: "treadle_exchanges_parked 1" in server.get("/metrics").body.decode())
    worker.exchange(want=0)
    thread.join(10)
    assert replies == [{"leases": [], "reports": [], "lost": [], "cancelled": []}]


def test_a_worker_that_hangs_up_gets_nothing_and_loses_nothing(server):
    gone = server.worker(name="gone")
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("POST", "/v1/exchange", json.dumps(gone.request(wait_ms=60_000)),
                       {"Content-Type": "application/json"})
    until(lambda: "treadle_exchanges_parked 1" in server.get("/metrics").body.decode())
    connection.close()
    until(lambda: "treadle_exchanges_parked 0" in server.get("/metrics").body.decode())
    server.enqueue()
    (lease,) = server.worker(name="here").lease()
    assert lease["attempt"] == 1


def test_an_invalid_result_fails_only_its_task(server):
    for _ in range(2):
        server.enqueue()
    worker = server.worker()
    big, fine = worker.lease(want=2)
    codes = worker.report({"token": big["token"], "outcome": "completed", "result": "x" * (1 << 20)},
                          {"token": fine["token"], "outcome": "completed", "result": "x"})
    assert codes == ["INVALID_ARGUMENT", "OK"]
    task = server.task(big["id"])
    assert (task["state"], task["error"]["code"]) == ("dead", "result_invalid"), "it must not stay running"
    assert "result must have at most 1048576 bytes" in task["error"]["message"]
    assert worker.complete(big, result="small") == "LEASE_LOST"
    server.enqueue()
    (other,) = worker.lease()
    wrong = {"token": other["token"], "outcome": "completed", "result": 1, "result_sha256": "0" * 64}
    assert worker.report(wrong) == ["INVALID_ARGUMENT"]
    assert worker.report(wrong) == ["INVALID_ARGUMENT"], "a repeat must get the same answer"
    assert worker.fail(other, "result_invalid", retry=False) == "OK", "as workers before 0.4 report it"


BAD_REPORTS = [
    {"outcome": "snoozed", "delay_ms": 99_999 * 3_600_000},
    {"outcome": "snoozed", "delay_ms": -1},
    {"outcome": "snoozed"},
    {"outcome": "failed", "error": {"code": "c"}, "delay_ms": 99_999 * 3_600_000},
    {"outcome": "failed", "error": {"code": ""}},
    {"outcome": "failed", "error": {"code": "x" * 65}},
    {"outcome": "failed", "error": {"code": "a\nb"}},
    {"outcome": "failed", "error": {"message": "no code"}},
    {"outcome": "failed"},
    {"outcome": "discarded"},
    {"outcome": "completed", "log": {"offset": 65_537, "text": "x"}},
    {"outcome": "completed", "log": {"offset": -1, "text": "x"}},
    {"outcome": "completed", "retry": True},
    {"outcome": "completed", "result": 1, "content_type": ""},
    {"outcome": "completed", "result_base64": "?"},
    {"outcome": "failed", "error": {"code": "c", "message": "half a character: \ud800"}},
    {"outcome": "done"},
    {},
    {"outcome": "completed", "unknown": {"nested": ["}", "]"]}},
]


def test_an_invalid_report_affects_no_other_and_its_task_does_not_stay_running(server):
    """Sends all of them in one exchange. Each gets its own outcome and code."""
    server.call("PUT", "/v1/queues/default", {"retry": {"backoff_base_ms": 3_600_000, "jitter": "none"}})
    for _ in range(len(BAD_REPORTS) + 2):
        server.enqueue()
    worker = server.worker()
    leases = worker.lease(want=len(BAD_REPORTS) + 2)
    first, *others, last = leases
    bad = [{"token": lease["token"], **report} for lease, report in zip(others, BAD_REPORTS)]
    garbage = [{"token": "garbage", "outcome": "completed"}, {"outcome": "completed"}, {"token": 7}, [], None, "x"]
    reply = worker.exchange(want=0, renew=["garbage"], reports=[
        {"token": first["token"], "outcome": "completed", "result": "first"}, *bad, *garbage,
        {"token": last["token"], "outcome": "completed", "result": "last"}])
    codes = [each["code"] for each in reply["reports"]]
    assert codes == ["OK"] + ["INVALID_ARGUMENT"] * (len(bad) + len(garbage)) + ["OK"]
    assert all(each["detail"] for each in reply["reports"][1:-1])
    assert [each["token"] for each in reply["reports"][len(bad) + 1:-1]] == ["garbage", "", "", "", "", ""]
    assert reply["lost"] == ["garbage"]
    assert [server.task(lease["id"])["result"] for lease in (first, last)] == ["first", "last"]
    for lease, report in zip(others, BAD_REPORTS):
        task = server.task(lease["id"])
        assert task["state"] in ("retrying", "dead"), report
        assert task["error"]["code"] in ("report_invalid", "result_invalid"), report
    assert server.queue()["tasks"]["running"] == 0


def test_a_result_nested_too_deep_fails_only_its_task(server):
    for _ in range(2):
        server.enqueue()
    worker = server.worker()
    deep, fine = worker.lease(want=2)
    body = json.dumps(worker.request(want=0, reports=[
        {"token": deep["token"], "outcome": "completed", "result": "DEEP"},
        {"token": fine["token"], "outcome": "completed"}])).replace('"DEEP"', "[" * 900 + "]" * 900)
    reply = server.post("/v1/exchange", body).json
    assert [each["code"] for each in reply["reports"]] == ["INVALID_ARGUMENT", "OK"]
    assert "nested deeper" in server.task(deep["id"])["error"]["message"]


def test_an_invalid_exchange_is_refused_as_a_whole(server):
    server.enqueue()
    worker = server.worker()
    (lease,) = worker.lease()
    for spoil in ({"want": -1}, {"sequence": 0}, {"reports": {}}, {"unknown": 1}):
        request = {**worker.request(want=0, reports=[{"token": lease["token"], "outcome": "snoozed"}]), **spoil}
        assert server.post("/v1/exchange", request).status == 400, spoil
    assert server.task(lease["id"])["state"] == "running"


def test_a_worker_that_says_goodbye_frees_its_leases_at_once(server):
    ids = [server.enqueue() for _ in range(3)]
    worker = server.worker(name="leaving")
    leases = worker.lease(want=3)
    other = server.worker(name="other")
    reply = worker.exchange(want=0, wait_ms=30_000, goodbye=True,
                            reports=[{"token": leases[0]["token"], "outcome": "completed"}])
    assert reply["reports"] == [{"token": leases[0]["token"], "code": "OK"}]
    assert server.task(ids[0])["state"] == "completed"
    again = other.lease(want=3)
    assert [(lease["id"], lease["attempt"]) for lease in again] == [(ids[1], 1), (ids[2], 1)]
    assert worker.complete(leases[1]) == "LEASE_LOST"
    assert server.get(f"/v1/tasks/{ids[1]}/attempts").json["attempts"][0]["outcome"] == "released"
    assert worker.request(want=1) and server.post("/v1/exchange", worker.request(want=1, goodbye=True)).status == 400


def test_the_end_of_a_long_error_is_kept(server):
    id = server.enqueue()
    worker = server.worker()
    worker.fail(worker.lease()[0], message="é" * 10_000 + "the end", retry=False)
    message = server.task(id)["error"]["message"]
    assert message.endswith("éthe end") and len(message.encode()) <= 8192


def test_many_workers_share_the_tasks_and_none_is_leased_twice(server):
    count = 2_000
    for at in range(0, count, 500):
        answer = server.post("/v1/tasks/batch", {"tasks": [{"type": "t", "payload": at + n} for n in range(500)]})
        assert answer.status == 201
    payloads, lock = [], threading.Lock()

    def work(name):
        worker, reports = server.worker(name=name), []
        while True:
            reply = worker.exchange(want=50, reports=reports)
            assert all(each["code"] == "OK" for each in reply["reports"])
            if not reply["leases"]:
                return
            with lock:
                payloads.extend(lease["payload"] for lease in reply["leases"])
            reports = [{"token": lease["token"], "outcome": "completed"} for lease in reply["leases"]]

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert sorted(payloads) == list(range(count))
    assert server.queue()["tasks"]["completed"] == count
