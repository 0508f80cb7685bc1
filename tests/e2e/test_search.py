"""Finding tasks: every filter of a list, over live and ended tasks, and similar failures."""

import json
import urllib.parse

import pytest

from treadle import until


def found(server, **query):
    """The IDs from all pages."""
    ids, cursor = [], None
    while True:
        words = urllib.parse.urlencode({**query, "limit": 2, **({"cursor": cursor} if cursor else {})})
        page = server.get(f"/v1/tasks?{words}").json
        ids += [task["id"] for task in page["tasks"]]
        cursor = page.get("next_cursor")
        if not cursor:
            return ids


@pytest.fixture
def tasks(server):
    """Three dead tasks, a running one, and a waiting one."""
    ids = {name: server.enqueue(tags=["dead", name], max_attempts=1) for name in ("first", "second", "third")}
    worker = server.worker()
    messages = {"first": "order 17 of 'Ada' not found", "second": "order 4711 of 'Grace' not found", "third": "no disk"}
    for lease, name in zip(worker.lease(want=3), messages):
        worker.fail(lease, code="missing" if name != "third" else "io", message=messages[name])
    ids["running"] = server.enqueue(tags=["live"])
    server.worker(name="runner").lease()
    ids["waiting"] = server.enqueue(tags=["live"], idempotency_key="order-1")
    until(lambda: len(found(server)) == len(ids))  # a list waits only a second for the store
    return ids


def test_each_filter_finds_its_tasks_newest_first(server, tasks):
    assert found(server, tag="dead") == [tasks["third"], tasks["second"], tasks["first"]]
    assert found(server, tag="live") == [tasks["waiting"], tasks["running"]]
    assert found(server, key="order-1") == [tasks["waiting"]]
    assert found(server, worker="runner") == [tasks["running"]]
    assert found(server, error_code="missing") == [tasks["second"], tasks["first"]]
    assert found(server, text="ORDER found") == [tasks["second"], tasks["first"]]
    assert found(server, text="order disk") == []
    assert found(server, tag="dead", error_code="io", state="dead") == [tasks["third"]]
    first = server.task(tasks["first"])
    assert tasks["first"] not in found(server, enqueued_to=first["enqueued_at"])
    assert tasks["first"] in found(server, enqueued_from=first["enqueued_at"])
    assert len(found(server, finished_from=first["finished_at"])) == 3
    assert found(server, finished_to="2020-01-01T00:00:00Z") == []


def test_similar_failures_share_a_fingerprint(server, tasks):
    first, second, third = (server.task(tasks[name])["error"]["fingerprint"] for name in ("first", "second", "third"))
    assert first == second != third
    assert found(server, fingerprint=first) == [tasks["second"], tasks["first"]]
    groups = json.loads(server.run("task", "errors", "-o", "json").stdout)
    assert groups["cut"] is False
    assert [(group["tasks"], group["fingerprint"], group["newest"]) for group in groups["errors"]] == \
        [(2, first, tasks["second"]), (1, third, tasks["third"])]
    assert "order 4711" in server.run("task", "errors").stdout


def test_a_bulk_action_acts_on_what_a_list_finds(server, tasks):
    fingerprint = server.task(tasks["first"])["error"]["fingerprint"]
    said = server.run("bulk", "redrive", "--fingerprint", fingerprint, "--state", "dead", "--yes").stdout
    assert said == "done: 2 found, 2 changed, 0 skipped\n"
    assert server.task(tasks["third"])["state"] == "dead"


@pytest.fixture
def names(server):
    """Tasks of a queue with searchable payloads. One was enqueued before the queue allowed that."""
    ids = {"early": server.enqueue(queue="names", payload={"name": "Ada King"})}
    until(lambda: found(server, queue="names") == [ids["early"]])  # the store has it
    assert server.call("PUT", "/v1/queues/names", {"search_payloads": True}).json["policy"]["search_payloads"] is True
    for name in ("Ada Lovelace", "Grace Hopper", "Größer"):
        ids[name] = server.enqueue(queue="names", payload={"name": name})
    ids["elsewhere"] = server.enqueue(payload={"name": "Ada"})
    return ids


def test_payloads_are_found_by_words_in_queues_that_allow_it(server, names):
    assert found(server, payload_text="ada") == [names["Ada Lovelace"]]
    assert found(server, payload_text="NAME hopper") == [names["Grace Hopper"]]
    assert found(server, payload_text="größer", queue="names") == [names["Größer"]]
    assert found(server, payload_text="love") == []  # whole words only
    assert len(server.worker(queues=("names",)).lease(want=4)) == 4
    assert found(server, payload_text="name", state="running") == \
        [names["Größer"], names["Grace Hopper"], names["Ada Lovelace"]]


def test_edits_moves_and_deletions_change_what_is_found(server, names):
    lovelace, hopper = names["Ada Lovelace"], names["Grace Hopper"]
    assert server.run("task", "edit", lovelace, '{"name":"Byron"}').stdout
    assert found(server, payload_text="ada") == [] and found(server, payload_text="byron") == [lovelace]
    server.run("task", "move", hopper, "default")
    assert found(server, payload_text="hopper") == []
    server.run("task", "move", names["elsewhere"], "names")
    assert found(server, payload_text="ada") == [names["elsewhere"]]
    server.run("bulk", "delete", "--payload-text", "ada", "--yes")
    assert found(server, payload_text="ada") == []
    assert "no task matches" in server.run("task", "list", "--payload-text", "ada").stderr


def test_tasks_are_still_found_after_a_restart(server, names):
    server.stop()
    server.restart()
    assert found(server, payload_text="ada") == [names["Ada Lovelace"]]
    later = server.enqueue(queue="names", payload="ada", tags=["after"])
    assert found(server, payload_text="ada", tag="after") == [later]


def test_the_list_command_has_the_same_filters(server, tasks):
    until(lambda: len(server.get("/v1/tasks").json["tasks"]) == 5)
    assert server.run("task", "list", "--tag", "live", "--key", "order-1", "-o", "jsonl").stdout.count("\n") == 1
    assert "no task matches" in server.run("task", "list", "--text", "nothing of that").stderr


def test_bad_filters_are_named(server):
    for query, what in (("fingerprint=xyz", "fingerprint"), ("enqueued_from=yesterday", "enqueued_from"),
                        ("text=%20", "text"), ("payload_text=--", "payload_text"), ("tag=", "tag"), ("worker=a%20b", "worker"), ("color=red", "color")):
        answer = server.get(f"/v1/tasks?{query}")
        assert answer.status == 400 and what in answer.detail, (query, answer)
