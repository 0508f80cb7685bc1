"""Clients that write or read a byte at a time, or never. They are disconnected, hold little, and others are
served."""

import json
import selectors

import pytest

from outside import Line, Process, connect, is_closed, read_answer, request

BODY = {"type": "t", "payload": "x" * 1000}
MIB = 1 << 20


@pytest.fixture
def server(start_server, data_dir):
    """A server with short timeouts."""
    return start_server(data_dir, "--read-timeout", "1s", "--write-timeout", "1s", "--idle-timeout", "1s")


def serves(server):
    """Others are served meanwhile."""
    worker, id = server.worker("quick"), server.enqueue(type="quick")
    (lease,) = worker.lease()
    return lease["id"] == id and worker.complete(lease) == "OK"


def test_a_client_that_writes_a_byte_at_a_time_gets_a_timeout(server):
    whole = request("POST", "/v1/tasks", BODY)
    slow = [connect(server) for _ in range(100)]
    for number, each in enumerate(slow):
        each.sendall(whole[:20 + number])  # some end within the head, some within the body
    assert serves(server)
    with selectors.DefaultSelector() as selector:
        for number, each in enumerate(slow):
            selector.register(each, selectors.EVENT_READ, iter(whole[20 + number:]))
        while selector.get_map():
            for key, _ in selector.select(0.1):  # one byte each, ten times a second
                selector.unregister(key.fileobj)
            for key in selector.get_map().values():
                key.fileobj.send(bytes([next(key.data)]))
    for each in slow:
        status, body = read_answer(each.makefile("rb"))
        assert (status, json.loads(body)["code"]) == (408, "DEADLINE_EXCEEDED")
        assert is_closed(each)
    assert serves(server)


def test_a_client_that_never_sends_the_body_gets_a_timeout(server):
    silent = [connect(server) for _ in range(100)]
    for each in silent:
        each.sendall(request("POST", "/v1/tasks", b"{", length=16 * MIB))
    assert serves(server)
    for each in silent:
        assert read_answer(each.makefile("rb"))[0] == 408
        assert is_closed(each)


def test_a_client_that_sends_nothing_is_disconnected(server):
    silent = [connect(server) for _ in range(100)]
    assert serves(server)
    for each in silent:
        assert is_closed(each)


def test_unread_answers_are_bounded_and_their_leases_return(start_server, data_dir):
    server = start_server(data_dir, "--write-timeout", "2s", "--bodies-memory", "32MiB")
    process, operator = Process(server), Line(server)
    assert server.call("PUT", "/v1/queues/default", {"lease_ms": 3_000}).status == 200
    ids = {server.enqueue(payload="p" * (MIB - 100)) for _ in range(64)}
    before_kib = process.memory_kib()
    readers = []
    for number in range(60):  # each requests 8 MiB and reads a byte, if it gets any
        each = connect(server, receive_bytes=4096)
        each.sendall(request("POST", "/v1/exchange", {
            "worker": f"lazy-{number}", "incarnation": f"{number + 1:016x}", "sequence": 1, "queues": ["default"],
            "types": ["t"], "want": 8, "wait_ms": 0, "renew": [], "reports": []}))
        readers.append(each)
    for each in readers:
        each.recv(1)
    grown_kib = process.memory_kib("VmHWM") - before_kib
    print(f"{grown_kib // 1024} MiB more for {len(readers)} answers of 8 MiB that nobody reads")
    assert grown_kib < 256 * 1024
    assert operator.metric("treadle_http_bodies_refused_total") > 0
    assert serves(server)
    operator.until_metric("treadle_http_bodies_bytes", lambda held: held == 0)
    worker, left = server.worker("t"), set(ids)
    while left:  # leases of dropped answers return at once, those of buffered answers when they expire
        for lease in worker.lease(want=8, wait_ms=20_000):
            assert worker.complete(lease) == "OK"
            left.remove(lease["id"])
    for each in readers:
        each.close()
