"""Ten thousand waiting workers: what they cost, and that one task wakes only one of them."""

import json
import selectors

from outside import OWN_FILES, Line, Process, connect, raise_descriptor_limit, read_answer, request

POLLS = 10_000
KIB_EACH = 16  # buffers, the names in the request, places in the queues' lines of waiting workers: 7 were measured


def poll(server, number, round):
    """A separate worker on its own connection, with nothing to do."""
    connection = connect(server)
    connection.sendall(request("POST", "/v1/exchange", {
        "worker": f"worker-{number}", "incarnation": f"{round:08x}{number:08x}", "sequence": 1, "queues": ["default"],
        "types": ["t"], "want": 1, "wait_ms": 60_000, "renew": [], "reports": []}))
    return connection


def test_ten_thousand_idle_long_polls_cost_little_and_a_task_wakes_one(start_server, data_dir):
    count = min(POLLS, raise_descriptor_limit(POLLS + 200) - 200)
    print(f"{count} long polls")
    server = start_server(data_dir, "--connections-max", str(POLLS + 100))
    process, operator = Process(server), Line(server)
    other = server.worker("other")
    before_kib, before_descriptors = process.memory_kib(), process.descriptors()
    for round in (1, 2):  # the second costs no more than the first, so nothing is left behind
        polls = [poll(server, number, round) for number in range(count)]
        operator.until_metric("treadle_exchanges_parked", lambda parked: parked == count)
        grown_kib = process.memory_kib() - before_kib
        print(f"round {round}: {grown_kib / count:.1f} KiB each")
        assert grown_kib < KIB_EACH * count

        id = server.enqueue(type="other")  # others are served
        (lease,) = other.lease()
        assert lease["id"] == id and other.complete(lease) == "OK"

        with selectors.DefaultSelector() as selector:
            for each in polls:
                selector.register(each, selectors.EVENT_READ)
            assert selector.select(0) == []
            id = server.enqueue(type="t")
            (woken,) = selector.select(30)
            status, body = read_answer(woken[0].fileobj.makefile("rb"))
            assert status == 200
            (lease,) = json.loads(body)["leases"]
            assert lease["id"] == id
            assert operator.metric("treadle_exchanges_parked") == count - 1
            assert selector.select(0) == []
        finisher = server.worker("t", name="finisher")
        assert finisher.complete(lease) == "OK"
        for each in polls:
            each.close()
        operator.until_metric("treadle_exchanges_parked", lambda parked: parked == 0)
        operator.until_metric("treadle_http_connections", lambda now: now <= 2)
        assert process.descriptors() <= before_descriptors + OWN_FILES
