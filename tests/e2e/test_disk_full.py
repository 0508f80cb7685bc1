"""A full disk: enqueues are rejected early, completions still work, nothing is lost."""

import os
import shutil
import subprocess

import pytest

from treadle import until


def test_below_the_reserve_enqueues_are_refused_and_completions_work(start_server, server):
    ids = [server.enqueue(payload=n) for n in range(3)]
    server.stop()
    free = shutil.disk_usage(server.data_dir).free
    server.flags = ("--disk-reserve", f"{free + (10 << 30)}B")
    server.restart()
    refused = server.enqueue(expect=429)
    assert refused.code == "RESOURCE_EXHAUSTED"
    batch = server.post("/v1/tasks/batch", {"tasks": [{"type": "t"}]})
    assert (batch.status, batch.code) == (429, "RESOURCE_EXHAUSTED")
    ready = server.get("/readyz")
    assert (ready.status, ready.code) == (503, "RESOURCE_EXHAUSTED")
    assert server.get("/livez").status == 200
    assert "treadle_enqueue_refused 1" in server.get("/metrics").body.decode()
    worker = server.worker()
    leases = worker.lease(want=3)
    assert worker.complete(leases[0], result="done") == "OK"
    assert worker.fail(leases[1], retry=False) == "OK"
    assert worker.release(leases[2]) == "OK"
    assert [server.task(id)["state"] for id in ids] == ["completed", "dead", "ready"]


def test_when_the_disk_gets_short_low_priority_is_refused_first(start_server, server):
    server.stop()
    server.flags = ("--disk-reserve", f"{shutil.disk_usage(server.data_dir).free * 9 // 10}B")
    server.restart()
    refused = server.enqueue(priority=4, expect=429)
    assert "priority 5 or higher" in refused.detail and refused.json["retry_after_ms"] > 0
    assert server.post("/v1/tasks/batch", {"tasks": [{"type": "t"}, {"type": "t", "priority": 0}]}).status == 429
    server.enqueue(priority=5)


@pytest.fixture
def small_disk(tmp_path):
    path = tmp_path / "disk"
    path.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=320m", "none", str(path)], capture_output=True).returncode:
        pytest.skip("this container may not mount")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_on_a_disk_that_fills_up_nothing_acknowledged_is_lost(small_disk, start_server):
    server = start_server(small_disk / "data", "--disk-reserve", "64MiB")
    hog, accepted = small_disk / "hog", []
    payload = "x" * 900_000
    accepted += [server.enqueue(payload=payload) for _ in range(10)]
    with open(hog, "wb") as file:  # someone else fills the disk
        free = shutil.disk_usage(small_disk).free
        file.write(b"\0" * max(0, free - (48 << 20)))
    until(lambda: server.get("/readyz").status, lambda status: status == 503)
    assert server.enqueue(payload=payload, expect=429).code == "RESOURCE_EXHAUSTED"
    worker = server.worker()
    for _ in range(5):
        (lease,) = worker.lease()
        assert worker.complete(lease, result="kept") == "OK"
    hog.unlink()
    until(lambda: server.get("/readyz").status, lambda status: status == 200)
    accepted.append(server.enqueue(payload="again"))
    server.kill()
    server.restart()
    states = [server.task(id)["state"] for id in accepted]
    assert states == ["completed"] * 5 + ["ready"] * 6


def test_a_start_on_a_full_disk_uses_the_ballast(small_disk, start_server):
    server = start_server(small_disk / "data", "--disk-reserve", "64MiB")
    id = server.enqueue()
    ballast = small_disk / "data" / "ballast"
    until(ballast.exists, lambda there: there)
    server.kill()
    for spare in (small_disk / "data" / "journal").glob("spare-*"):
        spare.unlink()
    with open(small_disk / "hog", "wb", buffering=0) as file:  # to the last byte
        while file.write(b"\0" * min(1 << 20, shutil.disk_usage(small_disk).free)):
            pass
    server.restart()
    assert server.task(id)["state"] == "ready"
    assert not ballast.exists()
    (lease,) = server.worker().lease()
    assert server.enqueue(expect=429).code == "RESOURCE_EXHAUSTED"
