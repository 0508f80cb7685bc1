"""One command for every task that a query finds: count, start, watch, stop."""

import time

from treadle import until


def bulk(server, query, **body):
    answer = server.call("POST", f"/v1/bulk?{query}", body)
    assert answer.status == 202, answer
    return answer.json["id"]


def ended(server, id):
    return until(lambda: server.get(f"/v1/bulk/{id}").json, lambda job: job["state"] not in ("pending", "running"))


def die(server, n, queue="default"):
    server.post("/v1/tasks/batch", {"tasks": [{"type": "t", "queue": queue, "max_attempts": 1}] * n})
    worker = server.worker(queues=[queue])
    leases = worker.lease(want=n)
    error = {"code": "broken", "message": ""}
    worker.report(*({"token": lease["token"], "outcome": "failed", "error": error} for lease in leases))
    return [lease["id"] for lease in leases]


def test_counting_changes_nothing(server):
    die(server, 3)
    job = ended(server, bulk(server, "state=dead", action="redrive", count_only=True))
    assert (job["state"], job["found"], job["changed"]) == ("done", 3, 0)
    assert server.queue()["tasks"]["dead"] == 3


def test_all_matching_tasks_are_redriven_over_many_pages(server):
    for _ in range(3):
        die(server, 700)
    die(server, 2, queue="other")
    job = ended(server, bulk(server, "state=dead&queue=default", action="redrive"))
    assert (job["found"], job["changed"], job["skipped"]) == (2100, 2100, 0)
    assert server.queue()["tasks"]["ready"] == 2100
    assert server.queue("other")["tasks"]["dead"] == 2
    server.kill()
    server.restart()
    assert server.queue()["tasks"]["ready"] == 2100


def test_a_queue_is_purged_by_deleting_its_waiting_tasks(server):
    server.post("/v1/tasks/batch", {"tasks": [{"type": "t"}] * 1000})
    job = ended(server, bulk(server, "queue=default&state=ready", action="delete"))
    assert job["changed"] == 1000
    queue = server.queue()
    assert sum(queue["tasks"].values()) == 0 and queue["removed"]["deleted"] == 1000


def test_tasks_move_together(server):
    server.post("/v1/tasks/batch", {"tasks": [{"type": "t"}] * 10})
    ended(server, bulk(server, "queue=default", action="edit", edit={"queue": "other", "priority": 9}))
    assert server.queue("other")["tasks"]["ready"] == 10
    assert len(server.worker(queues=["other"]).lease(want=10)) == 10


def test_a_rate_is_kept_and_a_stopped_action_stops(server):
    server.post("/v1/tasks/batch", {"tasks": [{"type": "t"}] * 200})
    begun = time.monotonic()
    id = bulk(server, "queue=default", action="cancel", rate=20, reason="too many")
    job = until(lambda: server.get(f"/v1/bulk/{id}").json, lambda job: job["changed"] >= 10)
    assert job["changed"] <= 4 + 20 * (time.monotonic() - begun)
    stopped = server.call("POST", f"/v1/bulk/{id}/stop").json
    assert stopped["state"] == "stopped"
    left = server.queue()["tasks"]["ready"]
    assert left > 100
    assert [each["id"] for each in server.get("/v1/bulk").json["bulk"]] == [id]


def test_a_task_that_changed_meanwhile_is_skipped(server):
    ids = [server.enqueue() for _ in range(3)]
    until(lambda: len(server.get("/v1/tasks").json["tasks"]) == 3)
    worker = server.worker()
    worker.lease(want=1)
    job = ended(server, bulk(server, "state=ready", action="delete"))
    assert job["changed"] == 2
    assert server.task(ids[0])["state"] == "running"


def test_the_command_counts_acts_and_says_what_it_did(server):
    die(server, 3)
    assert server.run("bulk", "redrive", "--state", "dead", "--count").stdout == "done: 3 found, 0 changed, 0 skipped\n"
    assert "add --yes" in server.run("bulk", "redrive", "--state", "dead", expect=2).stderr
    assert "name the tasks" in server.run("bulk", "delete", "--yes", expect=2).stderr
    said = server.run("bulk", "redrive", "--state", "dead", "--yes").stdout
    assert said == "done: 3 found, 3 changed, 0 skipped\n"
    server.run("bulk", "move", "other", "--queue", "default", "--yes")
    assert server.queue("other")["tasks"]["ready"] == 3
    assert len(server.run("bulk", "list", "-o", "jsonl").stdout.splitlines()) == 3
    assert "no bulk action 99" in server.run("bulk", "stop", "99", expect=None).stderr


def test_a_server_stops_while_a_bulk_action_runs(server):
    server.post("/v1/tasks/batch", {"tasks": [{"type": "t"}] * 100})
    id = bulk(server, "queue=default", action="cancel", rate=1)
    until(lambda: server.get(f"/v1/bulk/{id}").json["changed"])
    assert server.stop() == 0
    server.restart()
    assert server.get(f"/v1/bulk/{id}").status == 404
