"""Many queues and task types: lists in pages, metrics of limited size."""

import json

import pytest

from treadle import Worker, until


@pytest.fixture
def start(start_server, data_dir):
    return lambda *flags: start_server(data_dir, *flags)


def all_pages(server, kind, limit):
    """The names on each page of /v1/queues or /v1/types."""
    pages, cursor = [], ""
    while True:
        answer = server.get(f"/v1/{kind}?limit={limit}{cursor}")
        assert answer.status == 200, answer
        pages.append([each["name"] for each in answer.json[kind]])
        if "next_cursor" not in answer.json:
            return pages
        cursor = "&cursor=" + answer.json["next_cursor"]


def enqueue_names(server, count, **fields):
    for start in range(0, count, 1000):
        tasks = [{key: value.format(n) for key, value in fields.items()} for n in range(start, min(start + 1000, count))]
        answer = server.post("/v1/tasks/batch", {"tasks": tasks})
        assert answer.status == 201, answer


def test_lists_come_in_pages_and_each_name_once(start):
    server = start()
    enqueue_names(server, 25, queue="q{}", type="t{}")
    for kind, first in (("queues", "q"), ("types", "t")):
        pages = all_pages(server, kind, 10)
        assert [len(page) for page in pages] == [10, 10, 5]
        names = [name for page in pages for name in page]
        assert sorted(names) == sorted(f"{first}{n}" for n in range(25))
        assert len(all_pages(server, kind, 25)) == 1, "there must be no empty page at the end"
    assert server.call("DELETE", "/v1/queues/q3").status == 409
    for wrong in ("limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=0", "cursor=99999999999", "a=1"):
        assert server.get("/v1/queues?" + wrong).status == 400, wrong
        assert server.get("/v1/types?" + wrong).status == 400, wrong


def test_ten_thousand_queues_are_listed_and_measured_in_small_pieces(start):
    server = start()
    count = 10_000
    enqueue_names(server, count, queue="queue-with-a-name-{}", type="t")
    server.enqueue(queue="busy")
    for _ in range(2):
        server.enqueue(queue="busy")
    metrics = server.get("/metrics?queues=5").body.decode()
    assert len(metrics) < 50_000
    assert f"treadle_queues {count + 1}" in metrics
    assert 'treadle_tasks{queue="busy",state="ready"} 3' in metrics
    assert f'treadle_tasks{{queue="(other)",state="ready"}} {count - 4}' in metrics
    assert metrics.count('treadle_tasks_accepted_total{') == 5
    assert server.get("/metrics?queues=1001").status == 400
    assert len(server.get("/metrics").body) < 300_000
    page = server.get("/v1/queues")
    assert len(page.json["queues"]) == 1000 and len(page.body) < 2_000_000
    assert len(server.run("queue", "list", "-o", "jsonl").stdout.splitlines()) == count + 1
    assert len(json.loads(server.run("queue", "list", "-o", "json").stdout)["queues"]) == count + 1


def test_a_queue_says_what_blocks_its_tasks(start):
    server = start()
    server.enqueue(queue="waits")
    change = {"capacity": {"tasks": 1}, "paused": True, "draining": True}
    assert server.call("PUT", "/v1/queues/waits", change).json["conditions"] == ["paused", "draining", "full", "no_worker"]
    table = server.run("queue", "list").stdout
    assert "STATE" in table and "paused, draining, full, no worker" in table
    assert server.call("PUT", "/v1/queues/waits", {"paused": False, "draining": False, "capacity": {"tasks": 0}}).json["conditions"] == ["no_worker"]
    Worker(server, types=["other"], queues=["waits"]).exchange(want=1)
    until(lambda: server.queue("waits")["conditions"] == [])
    assert "ok" in server.run("queue", "list").stdout


def test_a_change_says_whether_it_made_the_queue_or_the_type(start):
    server = start()
    assert server.call("PUT", "/v1/queues/q", {"lease_ms": 5000}).json["created"] is True
    assert "created" not in server.call("PUT", "/v1/queues/q", {"lease_ms": 5000}).json
    assert server.call("PUT", "/v1/types/t", {"attempt_timeout_ms": 5000}).json["created"] is True
    assert "created" not in server.call("PUT", "/v1/types/t", {"attempt_timeout_ms": 5000}).json
    assert server.run("queue", "set", "typo", "lease=45s").stdout == "queue typo is set; this queue is new\n"
    assert server.run("queue", "set", "typo", "lease=45s").stdout == "queue typo is set\n"
    assert server.run("queue", "drain", "typo2").stdout.endswith("; this queue is new\n")


def delete_all_tasks(server):
    id = server.call("POST", "/v1/bulk?queue=default", {"action": "delete"}).json["id"]
    until(lambda: server.get(f"/v1/bulk/{id}").json["state"] not in ("pending", "running"), deadline_s=300)


def test_an_operator_can_delete_a_type_without_tasks(start):
    server = start()
    server.call("PUT", "/v1/types/t", {"attempt_timeout_ms": 5000})
    id = server.enqueue("t")
    refused = server.call("DELETE", "/v1/types/t")
    assert refused.status == 409 and "1 task," in refused.detail
    assert server.run("type", "delete", "t", expect=1).stderr
    assert server.call("DELETE", f"/v1/tasks/{id}").status == 200
    assert server.run("type", "delete", "t").stdout == "type t is deleted\n"
    assert server.call("DELETE", "/v1/types/t").status == 404
    assert server.get("/v1/types").json["types"] == []
    server.kill()
    server.restart()
    assert server.get("/v1/types/t").status == 404
    server.enqueue("t")
    assert server.get("/v1/types/t").json["policy"] == {}, "it must begin without a policy"


def test_unused_names_make_room_for_others(start):
    server = start()
    limit = 100_000
    enqueue_names(server, limit, type="t{}")
    refused = server.post("/v1/tasks", {"type": "one-more"})
    assert refused.status == 429 and "100000 task types" in refused.detail and "treadle type delete" in refused.detail
    server.enqueue("t5", queue="another-queue")
    delete_all_tasks(server)
    server.kill()
    server.restart()
    until(lambda: server.post("/v1/tasks", {"type": "one-more"}).status == 201, deadline_s=60)
    assert server.get("/v1/types/t5").status == 200, "it has a task"
