"""A disk that accepts no more although the system reports free space: a quota, and a file size limit."""

import subprocess
from pathlib import Path

import pytest

from treadle import BINARY, until

MIB = 1 << 20
QUOTA = Path(BINARY).parent / "treadle_quota.so"
BATCH = {"tasks": [{"type": "t", "payload": "x" * 20_000}] * 50}
SHORT = {"retention": {"completed_tasks": 0}}


@pytest.fixture
def limited(tmp_path, start_server):
    """A server in a directory with a quota: (server, set_quota)."""
    if not QUOTA.exists():
        pytest.skip("treadle_quota.so is not built")
    quota = tmp_path / "quota"

    def set_quota(mib):
        (tmp_path / "quota.new").write_text(str(mib * MIB))
        (tmp_path / "quota.new").rename(quota)

    set_quota(320)
    data = tmp_path / "data"
    server = start_server(data, command=("env", f"LD_PRELOAD={QUOTA}", f"TREADLE_QUOTA_DIRECTORY={data}", f"TREADLE_QUOTA_FILE={quota}"))
    assert server.call("PUT", "/v1/queues/default", SHORT).status == 200
    return server, set_quota


def fill(server):
    """Enqueues until a rejection. Returns how many were accepted."""
    taken = 0
    while (answer := server.post("/v1/tasks/batch", BATCH)).status in (200, 201):
        taken += len(BATCH["tasks"])
        assert taken < 100_000
    assert (answer.status, answer.code) == (429, "RESOURCE_EXHAUSTED"), answer
    return taken


def drain(server, count):
    worker, done = server.worker(), 0
    while done < count:
        reports = [{"token": lease["token"], "outcome": "completed"} for lease in worker.lease(want=200)]
        assert set(worker.report(*reports)) == {"OK"}
        done += len(reports)


def accepts(server):
    return server.post("/v1/tasks", {"type": "t"}).status == 201


def test_a_full_quota_acts_like_a_full_disk_and_the_server_restarts(limited):
    server, set_quota = limited
    taken = fill(server)
    assert until(lambda: server.get("/readyz").status, lambda status: status == 503)
    drain(server, taken // 2)
    server.kill()
    server.restart()
    drain(server, server.queue()["tasks"]["ready"])
    until(lambda: accepts(server))
    assert server.process.poll() is None
    assert server.queue()["tasks"]["ready"] == 1


def test_a_quota_that_is_raised_is_noticed(limited):
    server, set_quota = limited
    fill(server)
    set_quota(2000)
    until(lambda: accepts(server))


def test_a_file_size_limit_acts_like_a_full_disk(tmp_path, start_server):
    server = start_server(tmp_path / "data", limits=(f"--fsize={100 * MIB}:",))
    assert server.call("PUT", "/v1/queues/default", SHORT).status == 200
    taken = fill(server)
    drain(server, taken)
    until(lambda: accepts(server))
    assert server.process.poll() is None


def test_a_file_size_limit_below_a_journal_segment_refuses_the_start_and_names_both(tmp_path):
    refused = subprocess.run(
        ("prlimit", f"--fsize={10 * MIB}:", BINARY, "server", "--data", tmp_path / "data", "--listen", "127.0.0.1:0"),
        capture_output=True, text=True, timeout=60)
    assert refused.returncode != 0
    assert "is 10240 KiB, and a segment of the journal has 32768 KiB" in refused.stderr
