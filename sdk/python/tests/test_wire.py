"""Answers of servers, as they may come, and reports, as they must go."""

import hashlib
import json

import pytest

from treadle import InternalError, wire


def answer(*leases, spaced=False, **more):
    body = {"leases": list(leases), "reports": [], "lost": [], "cancelled": [], **more}
    return wire.read_exchange(
        json.dumps(
            body, indent=2 if spaced else None, separators=None if spaced else (",", ":")
        ).encode()
    )


def lease(payload_json, **more):
    sha256 = hashlib.sha256(payload_json.encode()).hexdigest()
    fields = {
        "token": "1-1.1.1",
        "id": "1-1",
        "queue": "q",
        "type": "t",
        "attempt": 1,
        "payload_sha256": sha256,
        **more,
    }
    return json.dumps(fields)[:-1] + f', "payload": {payload_json}}}'


def read(*leases):
    return wire.read_exchange(
        ('{"leases":[' + ",".join(leases) + '],"reports":[],"lost":[]}').encode()
    ).leases


@pytest.mark.parametrize(
    "payload",
    ['{"x": "é",   "n": 1.50}', "null", '"a\\"b"', "[1,  2]", '{"payload": {"payload":1}}'],
)
def test_a_payload_keeps_its_exact_text(payload):
    one, two = read(lease(payload).replace(', "payload": ', ',"payload":'), lease(payload))
    for each in one, two:
        assert (each.raw, each.is_damaged) == (payload, False)
        assert each.payload == json.loads(payload)


def test_a_payload_that_is_not_the_last_field_is_found():
    text = '{"payload":{"a": 1},' + lease(
        "0", payload_sha256=hashlib.sha256(b'{"a": 1}').hexdigest()
    )[1:].replace(', "payload": 0', "")
    (found,) = read(text)
    assert (found.payload, found.is_damaged) == ({"a": 1}, False)


def test_a_field_of_the_same_name_further_in_is_no_payload():
    steps = [{"name": "s", "result": {"k": 1, "payload": 2}}]
    first, second = read(
        lease("7", steps=steps).replace('": ', '":').replace(", ", ","), lease("8")
    )
    assert (first.payload, first.steps, second.payload) == (7, {"s": {"k": 1, "payload": 2}}, 8)


def test_a_payload_without_its_hash_is_damaged():
    (found,) = read(lease('{"a":1}').replace('{"a":1}', '{"a":2}'))
    assert found.is_damaged


def test_bytes_come_as_base64():
    fields = {
        "token": "1-1.1.1",
        "id": "1-1",
        "type": "t",
        "attempt": 1,
        "content_type": "image/png",
        "payload_sha256": hashlib.sha256(b"\0\1").hexdigest(),
        "payload_base64": "AAE=",
    }
    for found in (answer(fields, spaced=each).leases[0] for each in (True, False)):
        assert (found.payload, found.is_damaged) == (b"\0\1", False)
    fields["payload_base64"] = "A?="
    assert answer(fields).leases[0].is_damaged


def test_unknown_fields_are_passed_over():
    found = answer(json.loads(lease("1")), news={"deep": [1]}, spaced=True)
    assert found.leases[0].payload == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"leases":[{}],"reports":[],"lost":[]}',
        b"\xff",
        b'{"leases":[',
        b'{"leases":[],"reports":{},"lost":[]}',
        b'{"leases":[1],"reports":[],"lost":[]}',
    ],
)
def test_what_is_no_answer_is_refused(body):
    with pytest.raises(InternalError):
        wire.read_exchange(body)


def test_reports_are_bounded_and_printable():
    report = json.loads(
        wire.failed("1-1.1.1", "a\nb" + "ä" * 99, "x" * 9000 + "\0\ud800", retry=False, delay_ms=5)
    )
    assert len(report["error"]["code"].encode()) <= 64 and "\n" not in report["error"]["code"]
    assert len(report["error"]["message"].encode()) <= 8192
    assert (report["retry"], "delay_ms" in report) == (False, False)


def test_a_result_has_its_hash():
    report = json.loads(wire.completed("1-1.1.1", {"ä": 1}))
    assert report["result_sha256"] == hashlib.sha256('{"ä":1}'.encode()).hexdigest()
    report = json.loads(wire.completed("1-1.1.1", b"\0"))
    assert (report["result_base64"], report["content_type"]) == ("AA==", "application/octet-stream")
