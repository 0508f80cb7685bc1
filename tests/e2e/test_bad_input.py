"""Whatever arrives: one clear error, bounded memory, nothing lost."""

import json
import socket

import pytest

from treadle import quoted


@pytest.fixture(autouse=True)
def server_is_well_afterwards(shared_server):
    yield
    assert shared_server.get("/livez").body == b"ok\n"
    id = shared_server.enqueue("still.here")
    assert shared_server.task(id)["state"] == "ready"


def refused(server, body, path="/v1/tasks"):
    answer = server.post(path, body)
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT"), answer
    return answer.detail


@pytest.mark.parametrize("body", [
    b"", b" ", b"{", b'{"type":"t"', b'{"type":"t",}', b'{"type" "t"}', b'{"type":"t"} x', b'{"type":"t","payload":nul}', b'{"tasks":[1,2', b"{]",
    b'{"type":"t","payload":01}', b'{"type":"t","payload":[1,]}', b'{"type":"t","payload":tru}',
    b'{"type":"t","payload":"\\x"}', b'{"type":"t","payload":"a\nb"}', b"\x00", b'{"type":"t"}\x00', b"'type'",
    b'{"type":"t","payload":NaN}', b'{"type":"t","payload":{"a":}}'])
def test_malformed_json_is_refused(shared_server, body):
    assert "not valid JSON" in refused(shared_server, body)


@pytest.mark.parametrize("junk", [b"x", b" {", b"]", b'"', b"}", b"{}", b" null"])
def test_trailing_data_after_the_json_is_named(shared_server, junk):
    assert "there is extra text after its end (at byte " in refused(shared_server, b'{"type":"t"}' + junk)


def test_a_whole_number_may_be_written_with_a_fraction(shared_server):
    id = shared_server.post("/v1/tasks", b'{"type":"t","priority":7.0,"max_attempts":1.6e1}').json["id"]
    task = shared_server.task(id)
    assert (task["priority"], task["max_attempts"]) == (7, 16)


def raw(server, text):
    """Sends exactly these bytes. Returns the status of the answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(text.replace("\n", "\r\n").encode())
        return int(connection.recv(4096).split()[1])


@pytest.mark.parametrize("head,status", [
    ("Host: [::1]evil.com", 400),
    ("Host: localhost\nHost: localhost", 400),
    ("Host: localhost\nAuthorization: Bearer a\nAuthorization: Bearer b", 400),
    ("Host: localhost\nOrigin: http://a\nOrigin: http://b", 400),
    ("Host: localhost\nContent-Length: 0\nContent-Length: 0", 400),
    ("Host: localhost\nContent-Length: 0, 0", 400),
    ("Host:\n localhost", 400),
    ("Host: localhost\nContent-Length:\n 0", 400),
    ("Host: localhost\nTransfer-Encoding:\n\tchunked", 400),
    ("Host: localhost\nContent-Type: application/json\nContent-Length: 2\nContent-Encoding: gzip", 415),
])
def test_ambiguous_requests_are_refused(shared_server, head, status):
    assert raw(shared_server, f"POST /v1/tasks HTTP/1.1\n{head}\n\n{{}}") == status


def test_endless_chunk_extensions_are_refused(shared_server):
    head = "POST /v1/tasks HTTP/1.1\nHost: localhost\nContent-Type: application/json\nTransfer-Encoding: chunked\n\n"
    chunks = ("1;" + "x" * 1_000 + "\n \n") * 40
    assert raw(shared_server, head + chunks) == 431


@pytest.mark.parametrize("bad", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82"])
def test_invalid_utf8_is_refused(shared_server, bad):
    assert "UTF-8" in refused(shared_server, b'{"type":"t","payload":"' + bad + b'"}')


def test_deep_nesting_is_refused(shared_server):
    deep = b"[" * 100_000 + b"]" * 100_000
    assert "nested deeper than 64" in refused(shared_server, b'{"type":"t","payload":' + deep + b"}")
    fine = b"[" * 60 + b"]" * 60
    assert shared_server.post("/v1/tasks", b'{"type":"t","payload":' + fine + b"}").status == 201


def test_too_large_a_payload_is_refused_and_the_largest_is_accepted(shared_server):
    assert "payload must have at most 1048576" in refused(shared_server, {"type": "t", "payload": "x" * (1 << 20)})
    id = shared_server.enqueue(payload="x" * ((1 << 20) - 2))
    assert len(shared_server.get(f"/v1/tasks/{id}/payload").body) == 1 << 20


def test_too_large_a_body_is_refused_before_it_is_read(shared_server):
    with socket.create_connection(("127.0.0.1", shared_server.port), timeout=20) as connection:
        connection.sendall(b"POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                           b"Content-Length: 1000000000000\r\n\r\n")
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_too_large_a_header_is_refused(shared_server):
    answer = shared_server.get("/v1/info", headers={"X-Long": "x" * 100_000})
    assert answer.status == 431


@pytest.mark.parametrize("body,names", [
    ([], "the request body must be an object"),
    (7, "the request body must be an object"),
    ({}, "type is missing"),
    ({"type": 1}, "type must be a string"),
    ({"type": ""}, "type"),
    ({"type": "a b"}, "type may contain letters"),
    ({"type": "t" * 129}, "type must have at most 128"),
    ({"type": "t", "queue": "../x"}, "queue may contain letters"),
    ({"type": "t", "queue": None}, "queue must be a string"),
    ({"type": "t", "priority": -1}, "priority must be a whole number from 0 to 9"),
    ({"type": "t", "priority": 10}, "priority must be a whole number from 0 to 9"),
    ({"type": "t", "priority": 1.5}, "priority must be a whole number from 0 to 9"),
    ({"type": "t", "priority": "5"}, "priority must be a whole number from 0 to 9"),
    ({"type": "t", "max_attempts": 0}, "max_attempts must be a whole number from 1 to 1000"),
    ({"type": "t", "max_attempts": 10**30}, "max_attempts must be a whole number from 1 to 1000"),
    ({"type": "t", "delay_ms": -1}, "delay_ms"),
    ({"type": "t", "delay_ms": 2**63}, "delay_ms"),
    ({"type": "t", "run_at": "yesterday"}, "run_at must be a time"),
    ({"type": "t", "run_at": 5}, "run_at must be a string"),
    ({"type": "t", "run_at": "2999-01-01T00:00:00Z", "delay_ms": 1}, "run_at or delay_ms"),
    ({"type": "t", "payload_base64": "?"}, "payload_base64 must be base64"),
    ({"type": "t", "payload": 1, "payload_base64": ""}, "cannot both be given"),
    ({"type": "t", "content_type": "a\nb"}, "content_type must be printable"),
    ({"type": "t", "content_type": "x" * 129}, "content_type"),
    ({"type": "t", "idempotency_key": "k" * 513}, "idempotency_key"),
    ({"type": "t", "idempotency_key": ""}, "idempotency_key must not be empty"),
    ({"type": "t", "tag": 1}, 'unknown field "tag"; known fields are type, queue, payload'),
])
def test_each_wrong_field_of_a_task_is_named(shared_server, body, names):
    assert names in refused(shared_server, body)


def test_a_field_that_comes_twice_is_refused(shared_server):
    assert "comes twice" in refused(shared_server, b'{"type":"a","type":"b"}')


@pytest.mark.parametrize("change,names", [
    ({"tasks": {}}, "tasks must be an array"), ({"task": []}, 'unknown field "task"'),
    ({"tasks": [1]}, "tasks[0] must be an object"), ({"tasks": [{"type": "t"}, {"typ": "t"}]}, "tasks[1]"),
])
def test_each_wrong_field_of_a_batch_is_named(shared_server, change, names):
    assert names in refused(shared_server, change, "/v1/tasks/batch")


@pytest.mark.parametrize("change,names", [
    ({"worker": ""}, "worker"), ({"worker": 1}, "worker must be a string"),
    ({"incarnation": "5"}, "incarnation must be 16"), ({"sequence": 0}, "sequence must be"),
    ({"sequence": 2**32}, "sequence must be"), ({"want": 1001}, "want must be"), ({"want": -1}, "want must be"),
    ({"wait_ms": 60_001}, "wait_ms must be"), ({"queues": ["q"] * 101}, "queues must have at most 100"),
    ({"types": "t"}, "types must be an array"), ({"types": []}, "types"),
    ({"renew": [1]}, "renew[0] must be a string"), ({"reports": {}}, "reports must be an array"),
    ({"reports": [{}] * 1001}, "reports must have at most 1000"),
    ({"renew": ["1-1.1.1"] * 1001}, "renew must have at most 1000"),
    ({"wants": 1}, 'unknown field "wants"'),
])
def test_each_wrong_field_of_an_exchange_is_named(shared_server, change, names):
    request = shared_server.worker().request()
    assert names in refused(shared_server, {**request, **change}, "/v1/exchange")


@pytest.mark.parametrize("change,names", [
    ({"lease_ms": -1}, "lease_ms"), ({"lease_ms": 1000.5}, "lease_ms"), ({"lease_ms": 10**40}, "lease_ms"),
    ({"retry": 5}, "retry must be an object"), ({"retry": {"base": 1}}, 'unknown field "base" in retry'),
    ({"retention": {"dead_ms": -5}}, "retention.dead_ms"), ({"name": "x"}, 'unknown field "name"'),
])
def test_each_wrong_field_of_a_policy_is_named(shared_server, change, names):
    answer = shared_server.call("PUT", "/v1/queues/never", change)
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT") and names in answer.detail
    assert shared_server.get("/v1/queues/never").status == 404


@pytest.mark.parametrize("id", ["x", "1", "0-1", "1-0", "1-01", "1-1.1.1", "-1-1", "1-99999999999999999999",
                                "99999-1", "1-1%00", "%F0%9F"])
def test_bad_ids_are_refused(shared_server, id):
    for path in ("", "/payload", "/result"):
        answer = shared_server.get(f"/v1/tasks/{id}{path}")
        assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT"), answer


@pytest.mark.parametrize("id", ["1-281474976710655", "2-1", "1-99999999"])
def test_unknown_ids_are_not_found(shared_server, id):
    answer = shared_server.get(f"/v1/tasks/{id}")
    assert (answer.status, answer.code) == (404, "NOT_FOUND")


@pytest.mark.parametrize("query,names", [
    ("stat=dead", 'unknown query parameter "stat"'), ("state=lost", "state must be one of scheduled"),
    ("limit=0", "limit must be"), ("limit=1001", "limit must be"), ("limit=5x", "limit must be"),
    ("limit=-1", "limit must be"), ("cursor=abc", "cursor"), ("results=yes", "results must be true or false"),
    ("queue=" + quoted("a b"), "queue may contain"), ("limit=5&limit=6", "comes twice"), ("queue=%zz", "hexadecimal"),
])
def test_bad_queries_are_refused(shared_server, query, names):
    answer = shared_server.get(f"/v1/tasks?{query}")
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT") and names in answer.detail, answer


@pytest.mark.parametrize("wait", ["61s", "-1s", "soon", "1.5s", "99999999999999999999", ""])
def test_bad_waits_are_refused(shared_server, wait):
    assert shared_server.get(f"/v1/tasks/1-1?wait={wait}").code == "INVALID_ARGUMENT"


def test_other_content_types_are_refused_with_the_way_out(shared_server):
    for type in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = shared_server.post("/v1/tasks", json.dumps({"type": "t"}), headers={"Content-Type": type})
        assert answer.status == 415 and "Content-Type: application/json" in answer.detail
    fine = shared_server.post("/v1/tasks", '{"type":"t"}', headers={"Content-Type": "Application/JSON; charset=utf-8"})
    assert fine.status == 201


def test_unknown_paths_and_methods_are_refused(shared_server):
    assert shared_server.get("/v1/nothing").code == "NOT_FOUND"
    answer = shared_server.call("DELETE", "/v1/tasks")
    assert answer.status == 405 and "POST" in answer.headers["Allow"]
