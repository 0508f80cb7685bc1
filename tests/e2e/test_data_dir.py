"""What a server does with the directory that it gets, and how it ends."""

import os
import signal
import subprocess

import pytest

from treadle import run, until


def refusal(data_dir):
    result = run("server", "--data", str(data_dir), "--listen", "127.0.0.1:0", expect=None)
    assert result.returncode not in (0, 70), result
    return result.stderr


def test_a_second_server_is_refused_and_the_first_continues(server):
    text = refusal(server.data_dir)
    assert f"in use by another Treadle server (process {server.process.pid})" in text
    assert server.task(server.enqueue())["state"] == "ready"


def test_a_foreign_directory_is_refused_and_unchanged(data_dir):
    data_dir.mkdir()
    (data_dir / "thesis.tex").write_text("precious")
    assert "contains files but is not a Treadle data directory" in refusal(data_dir)
    assert [path.name for path in data_dir.iterdir()] == ["thesis.tex"]


def test_a_file_instead_of_a_directory_is_refused(data_dir):
    data_dir.write_text("x")
    assert str(data_dir) in refusal(data_dir)


def test_a_directory_of_a_newer_treadle_is_refused(server):
    server.stop()
    (server.data_dir / "treadle.data").write_text("treadle-data 2\n")
    assert "newer Treadle" in refusal(server.data_dir)


def test_a_journal_of_a_newer_version_is_refused_and_unchanged(server):
    server.enqueue()
    server.kill()
    segments = [path for path in (server.data_dir / "journal").iterdir() if path.stat().st_size > 8]
    before = {}
    for path in segments:
        data = bytearray(path.read_bytes())
        data[4:8] = (99).to_bytes(4, "little")
        before[path] = bytes(data)
        path.write_bytes(data)
    text = refusal(server.data_dir)
    assert "version" in text or "newer" in text, text
    assert all(path.read_bytes() == data for path, data in before.items())


def test_an_invalid_store_is_refused(server):
    server.stop()
    for path in server.data_dir.glob("store.db*"):
        path.unlink()
    (server.data_dir / "store.db").write_bytes(b"no database at all " * 500)
    assert "store.db" in refusal(server.data_dir)


def test_a_read_only_directory_is_refused(data_dir, tmp_path):
    data_dir.mkdir()
    if os.geteuid() != 0:
        data_dir.chmod(0o500)
        assert "ermission denied" in refusal(data_dir)
        return
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "none", str(data_dir)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("root writes everywhere, and this container may not mount")
    try:
        assert "Read-only file system" in refusal(data_dir)
    finally:
        subprocess.run(["umount", str(data_dir)], check=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_stops_in_an_orderly_way(server, number):
    worker = server.worker()
    id = server.enqueue()
    (lease,) = worker.lease()
    assert worker.complete(lease, result=1) == "OK"
    assert server.stop(number) == 0
    server.restart()
    assert server.task(id)["state"] == "completed"


def test_parked_calls_are_answered_when_a_server_ends(server):
    import threading
    worker, answers = server.worker(), []
    thread = threading.Thread(target=lambda: answers.append(
        server.post("/v1/exchange", worker.request(wait_ms=60_000)).status))
    thread.start()
    until(lambda: "treadle_exchanges_parked 1" in server.get("/metrics").body.decode())
    assert server.stop() == 0
    thread.join(10)
    assert answers and answers[0] in (200, 503)


def test_interval_durability_says_what_it_costs(start_server, data_dir):
    server = start_server(data_dir, "--durability", "interval")
    info = server.get("/v1/info").json
    assert info["durability"] == "interval" and "one second" in info["durability_note"]
    assert "--durability interval" in server.log
    id = server.enqueue()
    server.kill()
    server.restart()
    assert server.task(id)["state"] == "ready"


def test_fsync_is_the_default(server):
    info = server.get("/v1/info").json
    assert info["durability"] == "fsync" and "durability_note" not in info
    assert info["data"] == str(server.data_dir)
