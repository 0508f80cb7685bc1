"""A low limit on open files. Only connections hit it, files do not, and no loop spins."""

import json
import resource
import selectors
import subprocess
import time

from outside import Line, Process, connect, is_closed, read_answer, request
from treadle import BINARY, until

LIMIT = 128


def test_at_a_small_limit_connections_are_refused_and_the_journal_continues(start_server, data_dir):
    server = start_server(data_dir, "--checkpoint-after", "1MiB", limits=(f"--nofile={LIMIT}",))
    assert f"the limit of open files allows {LIMIT - 64 - 8} connections" in server.log
    operator, process = Line(server), Process(server)
    crowd = [connect(server) for _ in range(2 * LIMIT)]
    refusals = [read_answer(each.makefile("rb"))[0] for each in crowd[LIMIT - 64 - 8 - 1:]]
    assert set(refusals) == {503, None}
    ids, checkpoints = [], operator.metric("treadle_checkpoints_total")
    written = operator.metric("treadle_journal_bytes_total")

    def turned():  # moves the journal to new segments and the store through checkpoints
        for _ in range(20):
            status, body = operator.call("POST", "/v1/tasks", {"type": "t", "payload": "x" * 900_000})
            assert status == 201
            ids.append(json.loads(body)["id"])
        return operator.metric("treadle_journal_bytes_total") - written

    until(turned, lambda bytes: bytes > 100 << 20)
    operator.until_metric("treadle_checkpoints_total", lambda now: now >= checkpoints + 3)
    own = process.descriptors() - operator.metric("treadle_http_connections")
    print(f"{own:.0f} descriptors of its own")
    assert own < 48  # of the 64 that it reserves
    for each in crowd:
        each.close()
    operator.until_metric("treadle_http_connections", lambda now: now == 1)
    server.kill()
    server.restart()
    for id in ids:
        assert server.task(id)["state"] == "ready"


def test_a_server_without_any_descriptor_left_waits_and_does_not_spin(start_server, data_dir):
    server = start_server(data_dir, "--idle-timeout", "2s")
    operator, process = Line(server), Process(server)
    assert operator.call("GET", "/livez")[0] == 200
    usual = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, usual[1]))
    waiting = [connect(server) for _ in range(50)]
    for each in waiting:
        each.sendall(request("GET", "/livez"))
    failures = operator.metric("treadle_http_accept_failures_total")
    cpu_s, begun = process.cpu_s(), time.monotonic()
    assert is_closed(operator.socket)  # after the idle timeout, which the server spends at its limit
    used_s, passed_s = process.cpu_s() - cpu_s, time.monotonic() - begun
    print(f"{used_s:.2f} s of CPU time in {passed_s:.2f} s at the limit")
    assert used_s < 0.3 * passed_s
    with selectors.DefaultSelector() as selector:
        for each in waiting:
            selector.register(each, selectors.EVENT_READ)
        assert selector.select(0) == []  # none was accepted, none was dropped
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, usual)
    for each in waiting:
        assert read_answer(each.makefile("rb"))[0] == 200
    again = Line(server)
    assert again.metric("treadle_http_accept_failures_total") > failures
    assert server.enqueue()


def test_a_limit_without_room_for_clients_is_reported_at_start(data_dir):
    done = subprocess.run(["prlimit", "--nofile=79", BINARY, "server", "--data", data_dir, "--listen", "127.0.0.1:0"],
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1, done
    assert "the limit of open files is 79" in done.stderr
    assert not data_dir.exists()
