"""The trace context of a producer, from its request to every worker that runs the task."""

import pytest

from test_cli import Program
from treadle import run

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
MALFORMED = ["", "x", TRACE.upper(), TRACE[:-1], TRACE + "-00", "ff" + TRACE[2:], TRACE.replace("b7ad6b7169203331", "0" * 16),
             "00-" + "0" * 32 + TRACE[35:]]


def trace_of(server, id):
    return server.task(id).get("traceparent")


@pytest.mark.parametrize("header, field, kept", [
    (TRACE, None, TRACE), (None, TRACE, TRACE), (OTHER, TRACE, TRACE), (None, None, None), (MALFORMED[1], TRACE, TRACE),
    # Of a later version it knows as much as of this one.
    ("cc" + TRACE[2:], None, TRACE), ("cc" + TRACE[2:] + "-more", None, TRACE),
    *[(each, None, None) for each in MALFORMED if each]])
def test_the_field_comes_before_the_header_and_a_malformed_header_is_ignored(shared_server, header, field, kept):
    fields = {} if field is None else {"traceparent": field}
    headers = {} if header is None else {"traceparent": header}
    assert trace_of(shared_server, shared_server.enqueue("given", headers=headers, **fields)) == kept
    answer = shared_server.post("/v1/tasks/batch", {"tasks": [{"type": "given", **fields}, {"type": "given", "traceparent": OTHER}]},
                                headers=headers)
    assert [trace_of(shared_server, each["id"]) for each in answer.json["tasks"]] == [kept, OTHER]


@pytest.mark.parametrize("field", [*MALFORMED, "cc" + TRACE[2:], TRACE + "\n", 1, None])
def test_a_malformed_field_is_refused_by_name(shared_server, field):
    answer = shared_server.enqueue("wrong", 400, traceparent=field, headers={"traceparent": TRACE})
    assert answer.code == "INVALID_ARGUMENT" and answer.detail.startswith("traceparent must be "), answer
    answer = shared_server.post("/v1/tasks/batch", {"tasks": [{"type": "wrong"}, {"type": "wrong", "traceparent": field}]})
    assert answer.detail.startswith("tasks[1].traceparent must be "), answer


def test_a_request_that_is_sent_again_may_have_another_trace(shared_server):
    key = {"idempotency_key": "k"}
    id = shared_server.enqueue("again", traceparent=TRACE, **key)
    assert shared_server.enqueue("again", 200, traceparent=OTHER, **key) == id
    assert shared_server.enqueue("again", 200, **key) == id
    assert trace_of(shared_server, id) == TRACE


def test_every_attempt_has_the_trace_over_kills_checkpoints_edits_moves_and_redrives(server):
    traced = server.enqueue(payload=1, traceparent=TRACE)
    plain = server.enqueue(payload=2)
    moved = server.enqueue(payload=3, traceparent=OTHER, queue="from", delay_ms=3_600_000)
    worker = server.worker()

    def leased():
        leases = {lease["id"]: lease for lease in worker.lease(want=2)}
        assert [leases[id].get("traceparent") for id in (traced, plain)] == [TRACE, None]
        return leases

    for lease in leased().values():
        assert worker.release(lease) == "OK"
    server.kill()  # the journal has it
    server.restart()
    assert [trace_of(server, id) for id in (traced, plain, moved)] == [TRACE, None, OTHER]
    server.stop()  # with a checkpoint, so the store has it
    server.restart()
    for lease in leased().values():
        assert worker.fail(lease, retry=False) == "OK"
    for id in (traced, plain):
        assert server.call("PATCH", f"/v1/tasks/{id}", {"payload": "edited"}).status == 200
        assert server.post(f"/v1/tasks/{id}/redrive", {}).status == 200
    assert server.call("PATCH", f"/v1/tasks/{moved}", {"queue": "to", "delay_ms": 0}).status == 200
    server.kill()
    server.restart()
    assert {lease["payload"] for lease in leased().values()} == {"edited"}
    assert server.worker(queues=["to"]).lease()[0]["traceparent"] == OTHER
    assert "traceparent" not in server.get("/v1/tasks").json["tasks"][0]


def test_the_command_line_takes_a_trace_and_hands_it_to_programs(shared_server, tmp_path):
    def enqueue(*words, trace=None):
        env = {"TREADLE_SERVER": shared_server.url, **({} if trace is None else {"TRACEPARENT": trace})}
        return run("enqueue", *words, env=env).stdout.strip()

    assert trace_of(shared_server, enqueue("cli", "--traceparent", TRACE, trace=OTHER)) == TRACE
    assert trace_of(shared_server, enqueue("cli", trace="malformed")) is None
    id = enqueue("cli", trace=OTHER)
    assert OTHER in shared_server.run("task", "get", id).stdout
    refused = shared_server.run("enqueue", "cli", "--traceparent", "x", expect=4)
    assert "traceparent must be a W3C traceparent" in refused.stderr, refused
    (tmp_path / "tasks.jsonl").write_text(f'{{"type":"file"}}\n{{"type":"file","traceparent":"{TRACE}"}}\n')
    enqueue("--from", str(tmp_path / "tasks.jsonl"), trace=OTHER)
    tasks = shared_server.get("/v1/tasks?type=file").json["tasks"]
    assert [trace_of(shared_server, each["id"]) for each in reversed(tasks)] == [OTHER, TRACE]

    show = ["sh", "-c", 'printf %s "<$TRACEPARENT>"']
    with Program("worker", "exec", "cli", "--server", shared_server.url, "--", *show):
        assert shared_server.get(f"/v1/tasks/{id}/result?wait=30s").body == f"<{OTHER}>".encode()
    stream = ["sh", "-c", 'read -r _; echo \'{"ready":1}\'; while read -r task; do printf \'{"result":%s}\\n\' "$task"; done']
    with Program("worker", "exec", "file", "--stream", "--server", shared_server.url, "--", *stream):
        shown = [shared_server.get(f"/v1/tasks/{each['id']}/result?wait=30s").json for each in reversed(tasks)]
    assert [each.get("traceparent") for each in shown] == [OTHER, TRACE]
