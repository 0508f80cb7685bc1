"""How tasks fail, wait and run out of time: retry policies, timeouts, expiry, deadlines, snoozing, lost workers."""

from treadle import until

SOON = {"retry": {"jitter": "none", "backoff": "fixed", "backoff_base_ms": 0}}


def crash(server):
    server.kill()
    server.restart()


def state(server, id, wanted):
    return until(lambda: server.task(id), lambda task: task["state"] == wanted)


def test_a_task_that_waits_too_long_expires_and_does_not_run(server):
    id = server.enqueue(expires_ms=200)
    server.call("POST", "/v1/queues/default/pause")
    task = state(server, id, "expired")
    assert task["error"]["code"] == "expired" and "expires_at" in task
    server.call("POST", "/v1/queues/default/resume")
    assert server.worker().exchange()["leases"] == []
    assert server.queue()["tasks"]["expired"] == 1


def test_the_unix_epoch_is_a_valid_time(server):
    epoch = "1970-01-01T00:00:00Z"
    server.call("POST", "/v1/queues/default/pause")
    expired, dead = server.enqueue(expires_at=epoch), server.enqueue(deadline_at=epoch)
    assert state(server, expired, "expired")["expires_at"] == "1970-01-01T00:00:00.000Z"
    assert state(server, dead, "dead")["error"]["code"] == "deadline_exceeded"
    refused = server.post("/v1/tasks", {"type": "t", "run_at": epoch, "delay_ms": 5})
    assert refused.status == 400 and "not both" in refused.detail
    # Nothing was enqueued before the epoch, and a filter of zero still filters.
    for name in ("enqueued_to", "finished_to"):
        assert server.get(f"/v1/tasks?{name}={epoch}").json["tasks"] == []
    assert len(server.get(f"/v1/tasks?finished_from={epoch}").json["tasks"]) == 2


def test_a_task_that_began_in_time_does_not_expire(server):
    id = server.enqueue(expires_ms=300)
    worker = server.worker()
    (lease,) = worker.lease()
    other = server.enqueue(expires_ms=1)
    state(server, other, "expired")
    until(lambda: server.get("/v1/queues/default").json["tasks"]["expired"] == 1)
    assert worker.complete(lease) == "OK"
    assert server.task(id)["state"] == "completed"


def test_expiry_outlives_a_crash(server):
    id = server.enqueue(expires_ms=1_500)
    crash(server)
    state(server, id, "expired")


def test_a_deadline_ends_a_running_task_and_its_worker_learns_of_it(server):
    id = server.enqueue(deadline_ms=500)
    worker = server.worker()
    (lease,) = worker.lease()
    assert lease["timeout_ms"] <= 500 and "deadline_at" in lease
    assert worker.exchange(want=0, wait_ms=10_000, renew=[lease["token"]])["lost"] == [lease["token"]]
    assert server.task(id)["error"]["code"] == "deadline_exceeded"
    assert server.task(id)["state"] == "dead"
    assert worker.complete(lease) == "LEASE_LOST"


def test_an_attempt_that_takes_too_long_fails_even_if_it_is_renewed(server):
    id = server.enqueue(attempt_timeout_ms=300, max_attempts=1)
    worker = server.worker()
    (lease,) = worker.lease()
    until(lambda: worker.exchange(want=0, wait_ms=1_000, renew=[lease["token"]])["lost"])
    task = server.task(id)
    assert (task["state"], task["error"]["code"]) == ("dead", "attempt_timeout")
    assert "worker_losses" not in task


def test_an_attempt_has_no_limit_unless_someone_sets_one(server):
    id = server.enqueue()
    (lease,) = server.worker().lease()
    assert "timeout_ms" not in lease and server.queue()["policy"]["attempt_timeout_ms"] == 0
    assert "attempt_timeout" not in server.get(f"/v1/tasks/{id}/explain").json["summary"]


def test_the_setting_behind_a_timeout_is_named(server):
    server.call("PUT", "/v1/queues/default", {"attempt_timeout_ms": 60_000})
    of_queue = server.enqueue()
    server.worker().lease()
    assert "attempt_timeout_ms of queue default" in server.get(f"/v1/tasks/{of_queue}/explain").json["summary"]
    server.call("PUT", "/v1/types/u", {"attempt_timeout_ms": 100})
    of_type = server.enqueue(type="u", max_attempts=1)
    server.worker("u").lease()
    assert "within 100 ms: attempt_timeout_ms of type u" in state(server, of_type, "dead")["error"]["message"]
    of_task = server.enqueue(type="u", max_attempts=1, attempt_timeout_ms=50)
    server.worker("u").lease()
    assert "attempt_timeout_ms of the task" in state(server, of_task, "dead")["error"]["message"]


def test_the_timeout_of_a_type_applies_in_every_queue(server):
    server.call("PUT", "/v1/types/t", {"attempt_timeout_ms": 4_000})
    server.enqueue(queue="other")
    crash(server)
    (lease,) = server.worker(queues=["other"]).lease()
    assert 3_000 < lease["timeout_ms"] <= 4_000


def test_a_task_whose_workers_die_is_dead_after_its_limit(server):
    server.call("PUT", "/v1/queues/default", {"lease_ms": 1000, "max_worker_losses": 2, **SOON})
    id = server.enqueue()
    for _ in range(2):
        server.worker().lease()  # never heard of again
    task = state(server, id, "dead")
    assert (task["error"]["code"], task["worker_losses"], task["attempt"]) == ("worker_lost", 2, 2)
    crash(server)
    assert server.task(id)["worker_losses"] == 2
    server.post(f"/v1/tasks/{id}/redrive", None)
    assert "worker_losses" not in server.task(id)


def test_a_task_that_kills_its_worker_costs_no_other_more_than_two_attempts(server):
    server.call("PUT", "/v1/queues/default", {"lease_ms": 1000, "max_worker_losses": 2, **SOON})
    good = [server.enqueue() for _ in range(2)]
    bad = server.enqueue()
    good += [server.enqueue() for _ in range(2)]
    for name in ("first", "second"):
        assert len(server.worker(name=name).lease(want=10)) == 5  # never heard of again
        until(lambda: server.queue()["tasks"]["ready"] == 5)
    crash(server)
    worker, seen = server.worker(name="third"), set()
    while len(seen) < 4:
        (lease,) = worker.lease(want=10)  # each of them alone
        if lease["id"] == bad:
            assert server.get(f"/v1/tasks/{good[-1]}/explain").json["reason"] == "runs_apart"
            worker = server.worker(name=f"after-{len(seen)}")
        else:
            assert worker.complete(lease) == "OK"
            seen.add(lease["id"])
    assert seen == set(good)
    until(lambda: server.task(bad)["state"] == "dead" or server.worker(name="last").exchange(wait_ms=1000)["lost"])
    assert server.task(bad)["error"]["code"] == "worker_lost"
    assert [server.task(id)["state"] for id in good] == ["completed"] * 4


def test_listed_delays_apply_in_their_order(server):
    id = server.enqueue(retry={"backoff": "listed", "delays_ms": [0, 600_000], "jitter": "none"})
    worker = server.worker()
    worker.fail(worker.lease()[0])
    worker.fail(worker.lease()[0])  # immediately, a second time
    task = server.task(id)
    assert (task["state"], task["attempt"], task["retry"]["backoff"]) == ("retrying", 2, "listed")


def test_error_codes_decide_about_retries(server):
    policy = {"never": ["hopeless"], "always": ["busy"], "jitter": "none", "backoff_base_ms": 0}
    server.call("PUT", "/v1/queues/default", {"retry": policy})
    worker = server.worker()
    hopeless = server.enqueue()
    worker.fail(worker.lease()[0], code="hopeless")
    assert server.task(hopeless)["state"] == "dead"
    busy = server.enqueue()
    worker.fail(worker.lease()[0], code="busy", retry=False)
    assert server.task(busy)["state"] in ("ready", "retrying")


def test_the_total_time_of_retries_is_bounded(server):
    id = server.enqueue(retry={"backoff": "listed", "delays_ms": [0, 3_600_000], "jitter": "none", "total_ms": 60_000})
    worker = server.worker()
    worker.fail(worker.lease()[0])
    crash(server)
    worker = server.worker()
    worker.fail(worker.lease()[0])
    assert server.task(id)["state"] == "dead"


def test_the_number_of_attempts_comes_from_task_type_or_queue(server):
    server.call("PUT", "/v1/queues/default", {"retry": {"max_attempts": 3}})
    assert server.task(server.enqueue())["max_attempts"] == 3
    server.call("PUT", "/v1/types/t", {"retry": {"max_attempts": 4}})
    assert server.task(server.enqueue())["max_attempts"] == 4
    assert server.task(server.enqueue(retry={"max_attempts": 5}))["max_attempts"] == 5
    assert server.task(server.enqueue(retry={"max_attempts": 5}, max_attempts=6))["max_attempts"] == 6


def test_a_handler_names_its_own_delay(server):
    id = server.enqueue()
    worker = server.worker()
    worker.fail(worker.lease()[0], delay_ms=600_000)
    task = server.task(id)
    assert task["state"] == "retrying" and task["next_attempt_at"] > task["started_at"]


def test_a_snoozed_task_comes_back_later_and_spends_no_attempt(server):
    id = server.enqueue(max_attempts=1)
    worker = server.worker()
    (lease,) = worker.lease()
    assert worker.report({"token": lease["token"], "outcome": "snoozed", "delay_ms": 200}) == ["OK"]
    assert server.task(id)["attempt"] == 0
    crash(server)
    (again,) = server.worker().lease()
    assert (again["id"], again["attempt"]) == (id, 1)


def test_a_discarded_task_is_cancelled_with_its_reason(server):
    id = server.enqueue()
    worker = server.worker()
    (lease,) = worker.lease()
    report = {"token": lease["token"], "outcome": "discarded", "error": {"code": "discarded", "message": "sold out"}}
    assert worker.report(report) == ["OK"] and worker.report(report) == ["OK"]
    task = server.task(id)
    assert (task["state"], task["error"]["message"]) == ("cancelled", "sold out")


def test_tags_are_kept_with_a_task(server):
    id = server.enqueue(tags=["b", "a", "b"])
    assert server.task(id)["tags"] == ["a", "b"]
    until(lambda: server.get("/v1/tasks").json["tasks"])
    crash(server)
    assert server.task(id)["tags"] == ["a", "b"]


def test_bad_retry_policies_are_refused_by_name(server):
    for retry, what in (({"backoff": "odd"}, "exponential"), ({"backoff": "listed"}, "delays_ms"),
                        ({"max_attempts": 0}, "max_attempts"), ({"never": [""]}, "never"),
                        ({"jitter": 3}, "jitter"), ({"delays_ms": [1]}, "delays_ms")):
        answer = server.post("/v1/tasks", {"type": "t", "retry": retry})
        assert answer.status == 400 and what in answer.detail, (retry, answer)
