"""A disk that fills up under load and is freed again: enqueues are rejected, completions succeed, nothing is lost."""

import os
import shutil
import subprocess
import time

import pytest

from load import KEPT, Load, a_seed
from treadle import until

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path):
    yield from mounted(tmp_path, "512m")


@pytest.fixture
def gigabyte_disk(tmp_path):
    yield from mounted(tmp_path, "1g")


def mounted(tmp_path, size):
    path = tmp_path / "disk"
    path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path], capture_output=True, check=False).returncode:
        pytest.skip("nobody may mount a small disk here; the test beside this one does without")
    yield path
    subprocess.run(["umount", "-l", path], check=True)


def fill(file, directory, leave_bytes):
    """Uses up the free space except for `leave_bytes`. Other writers may leave even less."""
    while (free := shutil.disk_usage(directory).free) > leave_bytes:
        take = min(free - leave_bytes, 64 * MIB)
        try:
            os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, take)
        except OSError:
            assert leave_bytes == 0
            return


def ready(server):
    return server.get("/readyz").status


def fills_up_and_recovers(server, hog, fill_up, **load_options):
    """Under load, a full disk rejects enqueues and accepts completions. With space again, everything continues."""
    assert server.call("PUT", "/v1/queues/default", KEPT).status == 200
    with Load(server.port, a_seed(), **load_options) as load:
        until(load.counts, lambda counts: min(counts) > 200)
        with open(hog, "wb") as file:
            fill_up(file)
            until(lambda: load.refusals["/v1/tasks/batch", "RESOURCE_EXHAUSTED"], lambda count: count > 20)
            assert ready(server) == 503
            completed = load.counts()[1]
            until(load.counts, lambda counts: counts[1] > completed or counts[1] == counts[0])
        hog.unlink()
        until(lambda: ready(server), lambda status: status == 200)
        accepted = load.counts()[0]
        until(load.counts, lambda counts: counts[0] > accepted + 200)
    assert server.process.poll() is None
    server.kill()
    server.restart()
    print(f"{len(load.accepted)} acknowledged, {len(load.completed)} completed, refused: {dict(load.refusals)}")
    load.check(server)


def test_a_small_disk_that_fills_up_under_load_recovers_with_the_space(small_disk, start_server):
    server = start_server(small_disk / "data", "--disk-reserve", "128MiB")
    fills_up_and_recovers(server, small_disk / "hog", lambda file: fill(file, small_disk, 100 * MIB))


def test_a_disk_below_its_reserve_under_load_recovers_with_the_space(start_server, tmp_path):
    """The same where nothing can be mounted: on the existing disk, with a reserve of nearly all its free space."""
    margin = 1 << 30  # others may write meanwhile
    free = shutil.disk_usage(tmp_path).free
    if free < 4 * margin:
        pytest.skip("less than 4 GiB are free")
    server = start_server(tmp_path / "data", "--disk-reserve", f"{free - margin}B")
    fills_up_and_recovers(server, tmp_path / "hog", lambda file: fill(file, tmp_path, free - margin - 100 * MIB),
                          priority_min=5)  # with such a large reserve the disk is short of space, so lower ones are rejected


def test_a_disk_full_to_the_last_block_may_stop_the_server_but_loses_nothing(small_disk, start_server):
    server = start_server(small_disk / "data", "--disk-reserve", "64MiB")
    hog = small_disk / "hog"
    assert server.call("PUT", "/v1/queues/default", KEPT).status == 200
    with Load(server.port, a_seed()) as load:
        until(load.counts, lambda counts: min(counts) > 200)
        with open(hog, "wb") as file:

            def full():
                fill(file, small_disk, 0)  # also uses the space that the server itself frees
                if server.process.poll() is not None:
                    return True
                accepted, completed = load.counts()
                return shutil.disk_usage(small_disk).free < MIB and accepted == completed and sum(load.refusals.values()) > 50

            until(full)
        status = server.process.poll()
        print(f"the server {'keeps running' if status is None else f'has ended with {status}'}")
        if status is not None:
            assert status == 70 and "Stopping: tasks can no longer be stored safely" in server.log
        hog.unlink()
        if status is not None:
            server.restart()
        until(lambda: ready(server), lambda status: status == 200)
        accepted = load.counts()[0]
        until(load.counts, lambda counts: counts[0] > accepted + 200)
    load.check(server)


BATCH = {"tasks": [{"type": "t", "payload": "x" * 20_000}] * 100}


def enqueue_until_refused(server):
    """Returns how many were accepted."""
    taken = 0
    while (answer := server.post("/v1/tasks/batch", BATCH)).status in (200, 201):
        taken += len(BATCH["tasks"])
    assert (answer.status, answer.code) == (429, "RESOURCE_EXHAUSTED"), answer
    return taken


def test_a_drained_queue_accepts_tasks_again_and_attempts_save_steps_meanwhile(gigabyte_disk, start_server):
    server = start_server(gigabyte_disk / "data")
    assert server.call("PUT", "/v1/queues/default", {"retention": {"completed_tasks": 0}}).status == 200
    taken, worker = enqueue_until_refused(server), server.worker()
    deadline = time.monotonic() + 60
    while ready(server) != 503:  # a checkpoint may have freed a little space
        assert time.monotonic() < deadline
        taken += enqueue_until_refused(server)
    (lease,) = worker.lease()
    saved = server.post(f"/v1/attempts/{lease['token']}", {"steps": [{"name": "charge", "result": "x" * 100_000}]})
    assert saved.status == 200, saved
    reports = [{"token": lease["token"], "outcome": "completed"}]
    for _ in range(taken):
        assert set(worker.report(*reports)) == {"OK"}
        leases = worker.exchange(want=200)["leases"]
        if not leases:
            break
        reports = [{"token": each["token"], "outcome": "completed"} for each in leases]
    until(lambda: ready(server), lambda status: status == 200)
    until(lambda: server.post("/v1/tasks", {"type": "t", "priority": 0}).status == 201)  # low priorities come later
    server.kill()
    server.restart()
    until(lambda: server.post("/v1/tasks", {"type": "t", "priority": 0}).status, lambda status: status == 201)
    until(lambda: server.queue()["accepted"], lambda accepted: server.post("/v1/tasks/batch", BATCH) and accepted > 1.5 * taken)
    assert server.process.poll() is None
