"""Contracts of task types: what is rejected with which message, two versions side by side, results, restarts."""

import json
import random
import time

from test_cli import Program
from treadle import run, until

ORDER_1 = {"input_schema": {"type": "object", "required": ["id"], "properties": {
    "id": {"type": "string"}, "items": {"type": "array", "items": {"properties": {"price": {"type": "number"}}}}}}}
ORDER_2 = {**ORDER_1, "input_schema": {**ORDER_1["input_schema"], "required": ["id", "customer"]},
           "output_schema": {"type": "object", "required": ["total"], "properties": {"total": {"type": "integer"}}},
           "error_codes": [{"code": "sold_out", "retry": "never", "description": "no more of it"},
                           {"code": "busy", "retry": "always"}],
           "defaults": {"priority": 8}, "description": "with the customer"}


def put(server, version, contract, type="order", expect=200):
    answer = server.call("PUT", f"/v1/types/{type}/contracts/{version}", contract)
    assert answer.status == expect, answer
    return answer.json


def refusal(server, payload, **fields):
    answer = server.post("/v1/tasks", {"type": "order", "payload": payload, **fields})
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT"), answer
    return answer.detail


def test_a_payload_that_breaks_the_contract_is_refused_with_the_path_of_the_fault(server):
    server.enqueue("order", payload=1)  # no contract exists yet
    put(server, 2, ORDER_1)
    assert refusal(server, 1) == "payload must be an object (contract 2 of type order)"
    assert refusal(server, {"id": "a", "items": [{}, {}, {}, {"price": "1"}]}) == (
        "payload.items[3].price must be a number (contract 2 of type order)")
    answer = server.post("/v1/tasks/batch", {"tasks": [
        {"type": "other", "payload": 1}, {"type": "order", "payload": {"id": "a"}}, {"type": "order", "payload": {}}]})
    assert answer.detail == "tasks[2].payload.id is missing (contract 2 of type order)"
    answer = server.post("/v1/tasks", {"type": "order", "payload_base64": "AAA="})
    assert answer.detail == "payload must be JSON, not application/octet-stream (contract 2 of type order)"
    id = server.enqueue("order", payload={"id": "a"})
    assert server.task(id)["contract_version"] == 2
    assert "contract_version" not in server.task(server.enqueue("other", payload=1))
    assert sum(server.queue()["tasks"].values()) == 3


def test_two_versions_live_side_by_side(server):
    put(server, 1, ORDER_1)
    put(server, 2, ORDER_2)
    old = server.enqueue("order", payload={"id": "a"})
    new = server.enqueue("order", payload={"id": "a", "customer": 7})
    pinned = server.enqueue("order", payload={"id": "a", "customer": 7}, contract_version=1)
    versions = {id: server.task(id)["contract_version"] for id in (old, new, pinned)}
    assert versions == {old: 1, new: 2, pinned: 1}
    assert (server.task(old)["priority"], server.task(new)["priority"]) == (5, 8)
    assert server.task(server.enqueue("order", payload={"id": "b", "customer": 1}, priority=2))["priority"] == 2
    assert refusal(server, {"id": "a"}, contract_version=2) == "payload.customer is missing (contract 2 of type order)"
    assert refusal(server, {"id": "a"}, contract_version=3) == "contract_version: there is no contract 3 of type order"
    leases = server.worker("order").lease(want=10)
    assert {each["id"]: each["contract_version"] for each in leases if each["id"] in versions} == versions
    answer = server.call("DELETE", "/v1/types/order/contracts/1")
    assert [each["version"] for each in answer.json["contracts"]] == [2]
    assert refusal(server, {"id": "a"}) == "payload.customer is missing (contract 2 of type order)"
    assert server.call("DELETE", "/v1/types/order/contracts/1").code == "NOT_FOUND"
    assert server.call("DELETE", "/v1/types/order/contracts/2").json["contracts"] == []
    server.enqueue("order", payload=1)


def test_only_the_result_that_breaks_the_contract_is_refused_and_its_attempt_fails(server):
    put(server, 2, ORDER_2)
    ids = [server.enqueue("order", payload={"id": "a", "customer": 1}) for _ in range(3)]
    worker = server.worker("order")
    leases = worker.lease(want=3)
    reports = [{"token": each["token"], "outcome": "completed", "result": result}
               for each, result in zip(leases, ({"total": 1}, {"total": "1"}, {"total": 3}))]
    answers = worker.exchange(want=0, reports=reports, renew=[leases[1]["token"]])
    assert [each["code"] for each in answers["reports"]] == ["OK", "INVALID_ARGUMENT", "OK"]
    assert answers["reports"][1]["detail"] == "result.total must be an integer (contract 2 of type order)"
    assert answers["lost"] == [leases[1]["token"]], "its attempt must be over"
    assert [server.task(each["id"])["state"] for each in leases] == ["completed", "dead", "completed"]
    assert server.task(leases[1]["id"])["error"]["code"] == "result_invalid"
    assert worker.complete(leases[1], result={"total": 2}) == "LEASE_LOST"
    assert worker.exchange(want=0, reports=reports[:1])["reports"][0]["code"] == "OK"  # a repeat
    assert sorted(server.task(id)["state"] for id in ids) == ["completed", "completed", "dead"]


def test_a_program_whose_output_breaks_the_contract_fails_its_task(server, tmp_path):
    put(server, 2, ORDER_2)
    id = server.enqueue("order", payload={"id": "a", "customer": 1})
    with Program("worker", "exec", "order", "--content-type", "application/json", "--", "echo", '{"total": "many"}',
                 env={"TREADLE_SERVER": server.url}):
        task = until(lambda: server.task(id), lambda task: task["state"] == "dead")
    assert (task["error"]["code"], task["error"]["message"]) == (
        "result_invalid", "result.total must be an integer (contract 2 of type order)")


def test_error_codes_of_the_contract_apply_with_the_retry_policy(server):
    put(server, 2, ORDER_2)
    ids = [server.enqueue("order", payload={"id": str(n), "customer": 1}) for n in range(2)]
    worker = server.worker("order")
    for lease, code, retry in zip(worker.lease(want=2), ("sold_out", "busy"), (True, False)):
        worker.fail(lease, code=code, retry=retry)
    assert server.task(ids[0])["state"] == "dead"
    assert server.task(ids[1])["state"] in ("retrying", "ready")


def test_an_edited_payload_must_fit_the_contract_of_its_task(server):
    put(server, 2, ORDER_2)
    id = server.enqueue("order", payload={"id": "a", "customer": 1})
    answer = server.call("PATCH", f"/v1/tasks/{id}", {"payload": {"id": "b"}})
    assert answer.detail == "payload.customer is missing (contract 2 of type order)"
    assert server.call("PATCH", f"/v1/tasks/{id}", {"payload": {"id": "b", "customer": 2}}).status == 200
    assert json.loads(server.get(f"/v1/tasks/{id}/payload").body) == {"id": "b", "customer": 2}


def test_an_invalid_schema_is_refused_with_the_path(server):
    def detail(body, version=1):
        answer = server.call("PUT", f"/v1/types/order/contracts/{version}", body)
        assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT"), answer
        return answer.detail

    assert detail({"input_schema": {"properties": {"a": {"minLength": "1"}}}}) == (
        "input_schema.properties.a.minLength must be an integer")
    assert detail({"output_schema": {"$ref": "http://example.org/schema"}}).startswith(
        "output_schema.$ref must begin with #")
    assert "without look-around" in detail({"input_schema": {"pattern": "(?=a)"}})
    assert detail({"input_schema": None}) == "input_schema must be a boolean or an object"
    assert detail({"error_codes": [{"retry": "never"}]}).startswith("error_codes[0].code must be")
    assert detail({"error_codes": [{"code": "a", "retry": "maybe"}]}) == (
        "error_codes[0].retry must be default, never or always")
    assert detail({}, version=0).startswith("version must be")
    assert detail({}, version="x").startswith("version must be")
    assert detail({"schema": {}}).startswith('unknown field "schema"')
    assert server.get("/v1/types/order").code == "NOT_FOUND"
    for version in range(1, 5):
        put(server, version, {})
    assert "at most 4 contracts" in detail({}, version=5)


def test_a_crash_keeps_contracts_and_versions(start_server, data_dir):
    server = start_server(data_dir)
    put(server, 1, ORDER_1)
    put(server, 2, ORDER_2)
    id = server.enqueue("order", payload={"id": "a"})
    worker = server.worker("order")
    for _ in range(2):
        server.enqueue("order", payload={"id": "a", "customer": 1})
    running = worker.lease(want=2)
    before = server.get("/v1/types/order").json
    assert before["contracts"][0] == {"version": 2, **ORDER_2, "error_codes": [
        {"code": "sold_out", "retry": "never", "description": "no more of it"},
        {"code": "busy", "retry": "always", "description": ""}]}
    for recovery, lease in zip(("journal", "store"), running):
        server.kill()
        server.start()
        worker.http = server
        assert server.get("/v1/types/order").json == before
        assert server.task(id)["contract_version"] == 1
        assert "payload must be an object" in refusal(server, [])
        assert worker.complete(lease, result=[]) == "INVALID_ARGUMENT"
        if recovery == "journal":
            until(lambda: "treadle_checkpoints_total 0" not in server.get("/metrics").body.decode())
    listed = next(each for each in server.get("/v1/types").json["types"] if each["name"] == "order")
    assert [set(each) & {"input_schema", "output_schema"} for each in listed["contracts"]] == [set(), set()]


def test_types_without_a_contract_take_anything_while_others_have_one(server):
    put(server, 1, ORDER_1)
    big = {"text": "x" * 900_000, "number": 10 ** 400}
    id = server.enqueue("other", payload=big)
    assert json.loads(server.get(f"/v1/tasks/{id}/payload").body) == big
    assert refusal(server, {"id": "a", "n": float("1e300")}, contract_version=7)
    answer = server.post("/v1/tasks", '{"type":"order","payload":{"id":"a","n":1e400}}')
    assert answer.detail == "payload contains a number that is too large to check (contract 1 of type order)"


def test_the_command_line_registers_shows_and_removes_contracts(server, tmp_path):
    env = {"TREADLE_SERVER": server.url}
    schema = tmp_path / "order.json"
    schema.write_text(json.dumps(ORDER_2["input_schema"]))
    run("type", "contract", "set", "order", "2", "--input", schema, "--error-code", "sold_out=never", "--error-code",
        "other", "--priority", "8", "--description", "with the customer", env=env)
    contract = server.get("/v1/types/order").json["contracts"][0]
    assert contract == {"version": 2, "input_schema": ORDER_2["input_schema"], "defaults": {"priority": 8},
                        "description": "with the customer", "error_codes": [
                            {"code": "sold_out", "retry": "never", "description": ""},
                            {"code": "other", "retry": "default", "description": ""}]}
    shown = run("type", "get", "order", env=env).stdout
    assert "payload by schema, result anything, 2 error codes: with the customer" in shown
    schema.write_text('{"type": "nothing"}')
    refused = run("type", "contract", "set", "order", "3", "--input", schema, env=env, expect=4)
    assert "input_schema.type must be one of" in refused.stderr
    assert "is removed" in run("type", "contract", "remove", "order", "2", env=env).stdout
    assert "none: payloads" in run("type", "get", "order", env=env).stdout


# 60 patterns that exceed the memory of RE2's automaton, and 800 KB of texts that match at their very end.
SLOW = {"items": {"allOf": [{"pattern": f"[ab]*a[ab]{{{20 + n}}}c|z"} for n in range(60)]}}
SLOW_VALUE = ["".join(random.Random(n).choices("ab", k=16_000)) + "z" for n in range(50)]


def test_a_slow_contract_check_delays_no_other_request(server):
    put(server, 1, {"input_schema": SLOW}, "slow")
    put(server, 1, ORDER_1)
    slow = [server.later("POST", "/v1/tasks", {"type": "slow", "payload": SLOW_VALUE}) for _ in range(6)]
    longest = 0
    while True:
        start = time.monotonic()
        assert server.get("/livez").status == 200
        server.enqueue("other")
        longest = max(longest, time.monotonic() - start)
        if all(each.done() for each in slow):
            break
    for answer in (each.result() for each in slow):
        assert (answer.status, answer.code) in ((400, "INVALID_ARGUMENT"), (503, "UNAVAILABLE")), answer
        assert "processor time" in answer.detail or answer.status == 503
    assert longest < 5, longest
    assert "is missing" in refusal(server, {})  # the pool is free again


def test_only_the_slow_result_is_refused_and_it_delays_no_other_request(server):
    put(server, 1, {"output_schema": SLOW}, "slow")
    ids = [server.enqueue("slow"), server.enqueue("other")]
    worker = server.worker("slow", "other")
    leases = {each["id"]: each["token"] for each in worker.lease(want=2)}
    codes = worker.report({"token": leases[ids[0]], "outcome": "completed", "result": SLOW_VALUE},
                          {"token": leases[ids[1]], "outcome": "completed"})
    assert codes == ["INVALID_ARGUMENT", "OK"]
