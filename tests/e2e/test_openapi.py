"""Checks the server against its contract, docs/openapi.yaml: every operation answers as documented.
(src/api/routes_test.cc checks that the server has no other route.)"""

import copy
import json

import jsonschema
import pytest
import yaml

from treadle import ROOT, until

TEXT = (ROOT / "docs/openapi.yaml").read_text()
CONTRACT = yaml.safe_load(TEXT)
METHODS = ("get", "put", "post", "patch", "delete")
OPERATIONS = {op["operationId"]: (method.upper(), path, op)
              for path, item in CONTRACT["paths"].items() for method, op in item.items() if method in METHODS}


def resolved(node):
    """`node` with its own $ref resolved; siblings of the $ref win."""
    if "$ref" not in node:
        return node
    target = CONTRACT
    for part in node["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return {**resolved(target), **{k: v for k, v in node.items() if k != "$ref"}}


def validator(schema):
    return jsonschema.Draft202012Validator({**copy.deepcopy(schema), "components": CONTRACT["components"]})


def check(operation, answer):
    """Checks that the status, content type and body are documented."""
    _, _, op = OPERATIONS[operation]
    assert str(answer.status) in op["responses"], (operation, answer)
    response = resolved(op["responses"][str(answer.status)])
    content = response["content"]
    media = content.get(answer.content_type) or content.get("*/*")
    assert media is not None, (operation, answer)
    for name, header in response.get("headers", {}).items():
        assert name in answer.headers or not header.get("required"), (operation, name)
    body = answer.json if answer.content_type.endswith("json") and "*/*" not in content else answer.body.decode()
    validator(media["schema"]).validate(body)
    return answer


@pytest.fixture(scope="module")
def ids(shared_server):
    """One task in each state that can be reached without waiting."""
    server = shared_server
    server.call("PUT", "/v1/queues/default", {"retry": {"backoff_base_ms": 600_000, "backoff_cap_ms": 600_000}})
    worker = server.worker()
    result = {}
    for state in ("completed", "dead", "retrying", "running"):
        result[state] = server.enqueue(payload={"n": 1}, idempotency_key=state)
        (lease,) = worker.lease()
        if state == "running":
            result["token"] = lease["token"]
        if state == "completed":
            worker.complete(lease, result=[1, 2])
        elif state != "running":
            worker.fail(lease, retry=state == "retrying")
    for state in ("cancelled", "moved", "deleted", "spare"):
        result[state] = server.enqueue()
    assert server.post(f"/v1/tasks/{result['cancelled']}/cancel", {"reason": "a test"}).status == 200
    result["ready"] = server.enqueue()
    result["scheduled"] = server.enqueue(delay_ms=10**9)
    return result


def test_the_contract_is_well_formed():
    assert CONTRACT["openapi"].startswith("3.1")
    for name, schema in CONTRACT["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema), name
    for method, path, op in OPERATIONS.values():
        named = {p["name"] for p in map(resolved, op.get("parameters", []) + CONTRACT["paths"][path].get("parameters", []))
                 if p["in"] == "path"}
        assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}, (method, path)


def media_types():
    for operation, (_, _, op) in OPERATIONS.items():
        for status, response in op["responses"].items():
            for media in resolved(response).get("content", {}).values():
                yield f"{operation} {status}", media
        for media in op.get("requestBody", {}).get("content", {}).values():
            yield operation, media


def test_every_example_fits_its_schema():
    for name, media in media_types():
        examples = [each["value"] for each in media.get("examples", {}).values()]
        examples += [media["example"]] if "example" in media else []
        for example in examples:
            example = json.loads(json.dumps(example, default=str))
            errors = list(validator(media["schema"]).iter_errors(example))
            assert not errors, (name, errors[0].message)


def test_every_example_request_is_accepted(shared_server, ids):
    for operation, (method, path, op) in OPERATIONS.items():
        for example in op.get("requestBody", {}).get("content", {}).get("application/json", {}).get(
                "examples", {}).values():
            body = {**example["value"], **({"wait_ms": 0} if operation == "exchange" else {})}
            id = shared_server.enqueue("example") if operation == "releaseTask" else ids["spare"]  # never ended
            path = path.replace("{queue}", "examples").replace("{type}", "example").replace("{id}", id)
            path = path.replace("{version}", "7").replace("{token}", ids["token"])
            answer = check(operation, shared_server.call(method, path, body))
            assert answer.status < 300, answer


def calls():
    """operation, path, body, status: at least one for each operation."""
    exchange = {"worker": "w", "incarnation": "00000000000000aa", "sequence": 1}
    yield "enqueueTask", "/v1/tasks", {"type": "x", "idempotency_key": "once"}, 201
    yield "enqueueTask", "/v1/tasks", {"type": "x", "idempotency_key": "once"}, 200
    yield "enqueueTask", "/v1/tasks", {"type": "y", "idempotency_key": "once"}, 409
    yield "enqueueTask", "/v1/tasks", {"type": "no good"}, 400
    yield "enqueueTask", "/v1/tasks", None, 415
    yield "enqueueBatch", "/v1/tasks/batch", {"tasks": [{"type": "x"}]}, 201
    yield "enqueueBatch", "/v1/tasks/batch", {"tasks": []}, 400
    yield "enqueueBatch", "/v1/tasks/batch", None, 415
    yield "listTasks", "/v1/tasks?results=true&limit=100", None, 200
    yield "listTasks", "/v1/tasks?what=1", None, 400
    for state in ("completed", "dead", "retrying", "running", "ready", "scheduled"):
        yield "getTask", "/v1/tasks/{" + state + "}", None, 200
        yield "getPayload", "/v1/tasks/{" + state + "}/payload", None, 200
        yield "getResult", "/v1/tasks/{" + state + "}/result", None, 200 if state == "completed" else 409
    for operation, path in (("getTask", ""), ("getPayload", "/payload"), ("getResult", "/result")):
        yield operation, f"/v1/tasks/1-999999{path}", None, 404
        yield operation, f"/v1/tasks/x{path}", None, 400
    for state in ("completed", "dead", "retrying", "running", "ready", "scheduled", "cancelled"):
        yield "explainTask", "/v1/tasks/{" + state + "}/explain", None, 200
    yield "editTask", "/v1/tasks/{moved}", {"queue": "elsewhere", "delay_ms": 1000}, 200
    yield "editTask", "/v1/tasks/{running}", {"priority": 1}, 409
    yield "editTask", "/v1/tasks/{ready}", {}, 400
    yield "editTask", "/v1/tasks/{ready}", None, 415
    yield "editTask", "/v1/tasks/1-999999", {"priority": 1}, 404
    yield "deleteTask", "/v1/tasks/{deleted}", None, 200
    yield "deleteTask", "/v1/tasks/{deleted}", None, 404
    yield "deleteTask", "/v1/tasks/{running}", None, 409
    yield "deleteTask", "/v1/tasks/x", None, 400
    yield "runTaskNow", "/v1/tasks/{scheduled}/run-now", None, 200
    yield "runTaskNow", "/v1/tasks/{dead}/run-now", None, 409
    yield "redriveTask", "/v1/tasks/{ready}/redrive", None, 409
    yield "redriveTask", "/v1/tasks/{cancelled}/redrive", None, 200
    yield "cancelTask", "/v1/tasks/{completed}/cancel", None, 409
    yield "cancelTask", "/v1/tasks/{running}/cancel", {"reason": "enough"}, 200
    yield "cancelTask", "/v1/tasks/{running}/cancel", {"reason": 1}, 400
    yield "releaseTask", "/v1/tasks/{ready}/release", None, 200
    yield "releaseTask", "/v1/tasks/{completed}/release", None, 409
    yield "releaseTask", "/v1/tasks/{running}/release", {"reason": 1}, 400
    for operation, path in (("explainTask", "explain"), ("runTaskNow", "run-now"), ("cancelTask", "cancel"),
                            ("redriveTask", "redrive"), ("releaseTask", "release")):
        yield operation, f"/v1/tasks/1-999999/{path}", None, 404
        yield operation, f"/v1/tasks/x/{path}", None, 400
    for operation in ("pause", "resume"):
        yield operation + "Queue", f"/v1/queues/default/{operation}", None, 200
        yield operation + "Queue", f"/v1/queues/none/{operation}", None, 404
        yield operation + "Queue", f"/v1/queues/not%20one/{operation}", None, 400
    yield "listQueues", "/v1/queues", None, 200
    yield "listQueues", "/v1/queues?a=1", None, 400
    yield "listQueues", "/v1/queues?limit=1", None, 200
    yield "listQueues", "/v1/queues?cursor=x", None, 400
    yield "getQueue", "/v1/queues/default", None, 200
    yield "getQueue", "/v1/queues/none", None, 404
    yield "getQueue", "/v1/queues/not%20one", None, 400
    yield "putQueue", "/v1/queues/put", {"lease_ms": 5000}, 200
    yield "putQueue", "/v1/queues/put", {"lease_ms": 5}, 400
    yield "putQueue", "/v1/queues/put", None, 415
    yield "startBulk", "/v1/bulk?state=dead&queue=none", {"action": "redrive", "rate": 5}, 202
    yield "startBulk", "/v1/bulk?state=dead", {"action": "edit", "edit": {"priority": 3}, "count_only": True}, 202
    yield "startBulk", "/v1/bulk", {"action": "redrive"}, 400
    yield "startBulk", "/v1/bulk?limit=3", {"action": "redrive"}, 400
    yield "startBulk", "/v1/bulk?state=dead", {"action": "edit"}, 400
    yield "startBulk", "/v1/bulk?state=dead", None, 415
    yield "listBulk", "/v1/bulk", None, 200
    yield "listBulk", "/v1/bulk?a=1", None, 400
    yield "getBulk", "/v1/bulk/1", None, 200
    yield "getBulk", "/v1/bulk/99", None, 404
    yield "getBulk", "/v1/bulk/x", None, 400
    yield "stopBulk", "/v1/bulk/1/stop", None, 200
    yield "stopBulk", "/v1/bulk/99/stop", None, 404
    yield "startBackup", "/v1/backups", None, 202
    yield "startBackup", "/v1/backups?a=1", None, 400
    yield "listBackups", "/v1/backups", None, 200
    yield "listBackups", "/v1/backups?a=1", None, 400
    yield "getBackup", "/v1/backups/none", None, 404
    yield "getBackup", "/v1/backups/none?a=1", None, 400
    yield "listTypes", "/v1/types", None, 200
    yield "listTypes", "/v1/types?a=1", None, 400
    yield "putType", "/v1/types/t", {"attempt_timeout_ms": 60_000, "retry": {"preset": "patient"}}, 200
    yield "putType", "/v1/types/t", {"retry": None}, 200
    yield "putType", "/v1/types/t", {"retry": {"backoff": "listed"}}, 400
    yield "putType", "/v1/types/t", None, 415
    yield "getType", "/v1/types/t", None, 200
    yield "getType", "/v1/types/none", None, 404
    yield "getType", "/v1/types/not%20one", None, 400
    yield "deleteType", "/v1/types/never-seen", None, 404
    yield "deleteType", "/v1/types/not%20one", None, 400
    yield "deleteQueue", "/v1/queues/put", None, 200
    yield "deleteQueue", "/v1/queues/put", None, 404
    yield "deleteQueue", "/v1/queues/default", None, 409
    yield "deleteQueue", "/v1/queues/not%20one", None, 400
    yield "putContract", "/v1/types/t/contracts/2", {"input_schema": {"type": "string"}, "output_schema": True}, 200
    yield "getType", "/v1/types/t", None, 200
    yield "listTypes", "/v1/types", None, 200
    yield "putContract", "/v1/types/t/contracts/2", {"input_schema": {"type": "text"}}, 400
    yield "putContract", "/v1/types/t/contracts/0", {}, 400
    yield "putContract", "/v1/types/t/contracts/2", None, 415
    yield "deleteContract", "/v1/types/t/contracts/2", None, 200
    yield "deleteContract", "/v1/types/t/contracts/2", None, 404
    yield "deleteContract", "/v1/types/t/contracts/two", None, 400
    for state in ("completed", "dead", "retrying", "running", "ready", "scheduled", "cancelled"):
        yield "getAttempts", "/v1/tasks/{" + state + "}/attempts", None, 200
        yield "getLog", "/v1/tasks/{" + state + "}/log", None, 200
    yield "getAttempts", "/v1/tasks/1-999999/attempts", None, 404
    yield "getAttempts", "/v1/tasks/x/attempts", None, 400
    yield "getLog", "/v1/tasks/1-999999/log", None, 404
    yield "getLog", "/v1/tasks/{dead}/log?attempt=none", None, 400
    yield "saveAttempt", "/v1/attempts/{token}", {"progress": {"fraction": 1}}, 200
    yield "saveAttempt", "/v1/attempts/1-1.7.7", {"log": {"text": "x"}}, 409
    yield "saveAttempt", "/v1/attempts/{token}", {}, 400
    yield "saveAttempt", "/v1/attempts/{token}", None, 415
    yield "exchange", "/v1/exchange", exchange, 200
    yield "exchange", "/v1/exchange", {}, 400
    yield "exchange", "/v1/exchange", None, 415
    yield "getInfo", "/v1/info", None, 200
    yield "getInfo", "/v1/info?a=1", None, 400
    yield "getOpenApi", "/v1/openapi.yaml", None, 200
    yield "getLivez", "/livez", None, 200
    yield "getReadyz", "/readyz", None, 200
    yield "getMetrics", "/metrics", None, 200
    yield "getMetrics", "/metrics?queues=5&other=1", None, 200
    yield "getMetrics", "/metrics?queues=x", None, 400


CALLS = list(calls())


@pytest.mark.parametrize("operation,path,body,status", CALLS, ids=[f"{c[0]}-{c[3]}-{c[1]}" for c in CALLS])
def test_every_operation_answers_as_documented(shared_server, ids, operation, path, body, status):
    method = OPERATIONS[operation][0]
    answer = check(operation, shared_server.call(method, path.format(**ids), body))
    assert answer.status == status, answer


def test_no_operation_is_left_out():
    assert {c[0] for c in CALLS} == set(OPERATIONS)


def test_every_operation_refuses_a_foreign_host(shared_server):
    for operation, (method, path, _) in OPERATIONS.items():
        answer = check(operation, shared_server.call(method, path, headers={"Host": "evil.example"}))
        assert answer.status == 403 and answer.code == "PERMISSION_DENIED"


def test_every_operation_with_a_body_refuses_too_large_a_body(shared_server):
    for operation, (method, path, op) in OPERATIONS.items():
        if "requestBody" in op:
            answer = shared_server.call(method, path, b" " * ((16 << 20) + 1))
            assert check(operation, answer).status == 413


def test_the_server_serves_the_contract(shared_server):
    assert shared_server.get("/v1/openapi.yaml").body.decode() == TEXT


def test_the_important_metrics_exist(shared_server, ids):
    text = until(lambda: shared_server.get("/metrics").body.decode())
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    assert float(samples['treadle_tasks{queue="default",state="running"}']) >= 1
    for name in ("treadle_enqueued_total", "treadle_leased_total", "treadle_completed_total", "treadle_failed_total",
                 "treadle_journal_bytes_total", "treadle_uptime_seconds", "process_resident_memory_bytes",
                 'treadle_shard_turn_seconds_bucket{le="+Inf"}', "treadle_shard_turn_seconds_sum", "treadle_shard_turn_longest_seconds",
                 "treadle_shard_turn_cpu_longest_seconds",
                 'treadle_http_responses_total{class="2xx"}', "treadle_http_connections"):
        assert float(samples[name]) > 0, name
    for name in ("treadle_leases_lost_total", "treadle_journal_frames_total", "treadle_journal_backlog_bytes",
                 "treadle_checkpoints_total", "treadle_exchanges_parked", "treadle_payload_memory_bytes",
                 "treadle_enqueue_refused"):
        assert name in samples
