"""A disk that hangs: the server reports that it is not ready and why, still serves metrics, and continues
afterwards."""

import os
import threading

import pytest

from outside import Line
from treadle import Server, until

LAYER = os.environ["TREADLE_BUILD"] + "/treadle_lossy_disk.so"


@pytest.fixture
def stall(tmp_path):
    """While this file exists, writes hang."""
    return tmp_path / "stall"


@pytest.fixture
def start(data_dir, stall, tmp_path):
    """Starts a server whose writes to files with `only` in their names can hang."""
    servers = []

    def start(only, *flags):
        command = ("env", f"LD_PRELOAD={LAYER}", f"TREADLE_DISK_DIRECTORY={data_dir}", f"TREADLE_DISK_ONLY={only}",
                   f"TREADLE_DISK_STALL={stall}")
        servers.append(Server(data_dir, *flags, log=tmp_path / "server.log", command=command))
        return servers[-1].start()

    yield start
    stall.unlink(missing_ok=True)
    for each in servers:
        each.kill()


def readiness(server):
    answer = server.get("/readyz")
    return answer.status, answer.body.decode()


def hangs(server, what, metric):
    """Waits until the server has noticed the hang."""
    status, text = until(lambda: readiness(server), lambda found: found[0] == 503, deadline_s=60)
    assert status == 503 and f"a write to the {what}" in text and "UNAVAILABLE" in text
    assert server.get("/livez").status == 200
    assert Line(server).metric(metric) >= 5
    until(lambda: server.log, lambda log: f"a write to the {what} in " in log)


def goes_on(server, stall):
    stall.unlink()
    until(lambda: readiness(server)[0], lambda status: status == 200)
    until(lambda: server.log, lambda log: "accepts writes again" in log)


@pytest.mark.parametrize("durability", ["fsync", "interval"])
def test_a_journal_that_hangs_makes_the_server_unready_and_loses_nothing(start, stall, durability):
    server = start("journal", "--durability", durability)
    stall.touch()
    ids = []
    producer = threading.Thread(target=lambda: ids.append(server.enqueue()))
    producer.start()
    hangs(server, "journal", "treadle_journal_write_age_seconds")
    assert not ids  # the task is not durable
    goes_on(server, stall)
    producer.join()
    assert server.task(ids[0])["state"] == "ready"


def test_a_store_that_hangs_makes_the_server_unready_while_tasks_are_still_acknowledged(start, stall):
    server = start("store.db")
    stall.touch()
    ids = [server.enqueue()]
    hangs(server, "store", "treadle_store_write_age_seconds")
    assert Line(server).metric("treadle_checkpoint_age_seconds") >= 5
    ids.append(server.enqueue())
    goes_on(server, stall)
    server.kill()
    server.restart()
    assert all(server.task(id)["state"] == "ready" for id in ids)


def test_a_slow_start_is_alive_and_reports_its_progress(start, stall):
    server = start("journal")
    id = server.enqueue()
    server.kill()
    stall.touch()
    server.listen = f"127.0.0.1:{server.port}"
    server.launch()
    until(lambda: is_alive(server))
    status, text = readiness(server)
    assert status == 503 and "the server is starting" in text
    answer = server.call("POST", "/v1/tasks", {"type": "t"})
    assert answer.status == 503 and answer.headers["Retry-After"]
    until(lambda: server.log, lambda log: "still opening" in log)
    stall.unlink()
    until(lambda: readiness(server)[0], lambda status: status == 200)
    assert server.task(id)["state"] == "ready"


def test_sigterm_ends_a_start_that_hangs(start, stall):
    server = start("journal")
    id = server.enqueue()
    server.kill()
    stall.touch()
    server.launch()
    until(lambda: server.log, lambda log: "still opening" in log)
    server.process.terminate()
    assert server.process.wait(20) == 0
    stall.unlink()
    server.restart()
    assert server.task(id)["state"] == "ready"


def test_a_stop_that_hangs_says_so_and_a_second_signal_ends_it(start, stall):
    server = start("store.db")
    stall.touch()
    id = server.enqueue()
    server.process.terminate()
    until(lambda: server.log, lambda log: "still stopping" in log)
    server.process.terminate()
    server.process.wait(20)
    stall.unlink()
    server.restart()
    assert server.task(id)["state"] == "ready"


def is_alive(server):
    try:
        return server.get("/livez").status == 200
    except OSError:
        return False
