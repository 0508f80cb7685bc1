"""A memory limit: unread and incoming data is bounded, and a server that gets no more memory loses nothing."""

import json
import random
import resource

from load import a_seed
from outside import Line, Process, connect, read_answer, request

MIB = 1 << 20


def limit_memory(process, more_bytes):
    """Limits the process to its current memory plus `more_bytes`. (RLIMIT_DATA counts writable memory, used or
    not.)"""
    limit = process.memory_kib("VmData") * 1024 + more_bytes
    resource.prlimit(process.pid, resource.RLIMIT_DATA, (limit, limit))


def test_large_bodies_beyond_the_memory_limit_are_rejected(start_server, data_dir):
    server = start_server(data_dir, "--bodies-memory", "64MiB", "--read-timeout", "5s")
    process, operator = Process(server), Line(server)
    before_kib = process.memory_kib()
    crowd, piece = [connect(server) for _ in range(100)], b"[" * (64 << 10)
    for each in crowd:
        each.setblocking(False)
        assert each.send(request("POST", "/v1/tasks/batch", b"[", length=16 * MIB))
    sent, sending = dict.fromkeys(crowd, 0), list(crowd)
    while sending:  # sends all but the last byte of each, in step, as far as the server accepts them
        for each in list(sending):
            try:
                sent[each] += each.send(piece[:15 * MIB - sent[each]])
            except BlockingIOError:
                continue
            except ConnectionError:
                sending.remove(each)
                continue
            if sent[each] >= 15 * MIB or is_answered(each):
                sending.remove(each)
    held = operator.metric("treadle_http_bodies_bytes")
    assert held <= 64 * MIB
    assert server.enqueue()  # others are served
    answers = []
    for each in crowd:
        each.settimeout(30)
        answers.append(read_answer(each.makefile("rb"))[0])
    grown_kib = process.memory_kib("VmHWM") - before_kib
    print(f"{sum(sent.values()) // MIB} MiB sent, answered with {sorted(set(map(str, answers)))}, at most "
          f"{grown_kib // 1024} MiB more in memory")
    assert grown_kib < 640 * 1024  # they wanted to hold 1500; freed memory counts for another second
    assert answers.count(503) > 50
    assert set(answers) <= {503, 408, None}
    operator.until_metric("treadle_http_bodies_bytes", lambda held: held == 0)
    assert server.enqueue()


def is_answered(connection):
    try:
        return bool(connection.recv(1, 2))  # only looks: MSG_PEEK
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def ask(operator, batch):
    """Returns the status and the answer, or None once the server is gone."""
    try:
        status, body = operator.call("POST", "/v1/tasks/batch", batch)
    except ConnectionError:
        return None, None
    return status, status and json.loads(body)


def test_a_server_near_its_limit_of_memory_refuses_tasks_until_it_is_drained(start_server, data_dir):
    server = start_server(data_dir, limits=(f"--as={300 * MIB}",))
    operator, accepted, rng = Line(server), 0, random.Random(a_seed())
    while True:
        tasks = [{"type": "t", "idempotency_key": f"{accepted + i}-{rng.randbytes(100).hex()}", "payload": "x" * 500}
                 for i in range(1_000)]
        status, body = operator.call("POST", "/v1/tasks/batch", {"tasks": tasks})
        if status != 201:
            break
        accepted += len(tasks)
    print(f"{accepted} accepted, then {status}: {body}")
    assert status == 429 and b"memory" in body and b"RESOURCE_EXHAUSTED" in body
    assert operator.call("GET", "/readyz")[0] == 503
    worker, leased, reports = server.worker("t"), 0, []
    while leased < accepted:
        leases = worker.exchange(want=1_000, wait_ms=10_000, reports=reports)["leases"]
        reports = [{"token": each["token"], "outcome": "completed"} for each in leases]
        leased += len(leases)
    worker.exchange(want=0, reports=reports)
    queue = server.queue()
    assert queue["tasks"]["completed"] + queue["removed"]["retention"] == accepted
    assert server.process.poll() is None


def test_a_server_out_of_memory_stops_with_a_message_and_loses_nothing(start_server, data_dir):
    rng = random.Random(a_seed())
    server = start_server(data_dir, limits=(f"--data={280 * MIB}",))
    assert server.call("PUT", "/v1/queues/default", {"paused": True}).status == 200
    operator, ids = Line(server), []
    batch = {"tasks": [{"type": f"type-{i % 10}", "tags": ["tag"]} for i in range(1_000)]}
    while (answer := ask(operator, batch))[0] == 201:  # an endless backlog
        ids += [each["id"] for each in answer[1]["tasks"]]
    assert answer[0] == 429 and "memory" in answer[1]["detail"]
    limit_memory(Process(server), 0)  # also takes away what was reserved for everything else
    while ask(operator, {"tasks": [{"type": "t", "payload": "x" * (1 << 20)}] * 12})[0]:
        pass
    status = server.process.wait(30)
    print(f"{len(ids)} acknowledged, then status {status}: {server.log.splitlines()[-1]}")
    assert status == 70
    assert "Stopping: the system is out of memory" in server.log and "memory" in server.log
    server.restart()
    queue = server.queue()
    assert queue["tasks"]["ready"] >= len(ids) > 10_000
    for id in rng.sample(ids, 300) + [ids[0], ids[-1]]:
        assert server.task(id)["state"] == "ready"
