"""Floods of connections: clear rejections, service again afterwards, and nothing left behind."""

import json
import random
import socket
import struct

from outside import OWN_FILES, Line, Process, connect, is_closed, raise_descriptor_limit, read_answer, request

FLOOD = 3_000
PLACES = 200


def test_connections_beyond_the_limit_are_refused_and_served_when_there_is_room(start_server, data_dir):
    flood_size = min(FLOOD, raise_descriptor_limit(FLOOD + 200) - 200)
    server = start_server(data_dir, "--connections-max", str(PLACES))
    operator, process = Line(server), Process(server)
    descriptors = process.descriptors()
    flood = [connect(server) for _ in range(flood_size)]
    answers = {503: 0, None: 0, 201: 0}
    refused = []
    for each in flood[PLACES - 1:]:  # one place is the operator's
        status, body = read_answer(each.makefile("rb"))
        answers[status] += 1
        if status == 503:
            refused.append(json.loads(body))
        assert is_closed(each)
    print(f"{answers[503]} got an answer, {answers[None]} were closed silently")
    assert answers[503] >= 16
    assert {(each["code"], each["retry_after_ms"]) for each in refused} == {("UNAVAILABLE", 1000)}
    for each in flood[:PLACES - 1]:
        each.sendall(request("POST", "/v1/tasks", {"type": "t"}))
        assert read_answer(each.makefile("rb"))[0] == 201
    assert operator.metric("treadle_http_connections_refused_total") == flood_size - PLACES + 1
    for each in flood:
        each.close()
    operator.until_metric("treadle_http_connections", lambda now: now == 1)
    assert process.descriptors() <= descriptors + OWN_FILES
    assert server.enqueue()


def test_half_open_connections_time_out_and_free_their_places(start_server, data_dir):
    server = start_server(data_dir, "--connections-max", str(PLACES), "--idle-timeout", "3s", "--read-timeout", "3s")
    half_open = [connect(server) for _ in range(PLACES)]
    for each in half_open[::2]:
        each.sendall(b"GET /livez HT")
    assert read_answer(connect(server).makefile("rb"))[0] == 503  # no place is left
    for silent, begun in zip(half_open[1::2], half_open[::2]):
        assert is_closed(silent)
        assert read_answer(begun.makefile("rb"))[0] == 408
    assert server.enqueue()


def test_clients_that_come_and_go_leave_nothing_behind(start_server, data_dir):
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    server = start_server(data_dir)
    operator, process = Line(server), Process(server)
    asks = request("GET", "/v1/queues")
    parks = request("POST", "/v1/exchange", {
        "worker": "w", "incarnation": "1", "sequence": 1, "queues": ["default"], "types": ["t"], "want": 1,
        "wait_ms": 60_000, "renew": [], "reports": []})
    cut = request("POST", "/v1/tasks", b"{", length=100_000)
    descriptors, memory_kib = process.descriptors(), []
    for _ in range(4):
        for _ in range(FLOOD // 4):
            each = connect(server)
            if rng.random() < 0.8:
                each.send(rng.choice([asks, parks, cut, asks[:30]]))
            if rng.random() < 0.5:  # with a TCP reset
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            each.close()
        operator.until_metric("treadle_http_connections", lambda now: now == 1)
        operator.until_metric("treadle_exchanges_parked", lambda parked: parked == 0)
        memory_kib.append(process.memory_kib())
    print(f"resident after each quarter: {memory_kib} KiB")
    assert process.descriptors() <= descriptors + OWN_FILES
    assert operator.metric("treadle_http_bodies_bytes") == 0
    assert memory_kib[-1] - memory_kib[0] < 16 * 1024
    assert server.enqueue()
