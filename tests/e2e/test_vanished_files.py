"""Files removed or replaced under a running server: it notices, stops, and loses nothing that the journal has."""

import os
import re
import shutil
from http.client import HTTPException

import pytest

from treadle import DEADLINE_S, run, some, until

FATAL = 70


def stops(server):
    assert server.process.wait(DEADLINE_S) == FATAL
    assert "Stopping: tasks can no longer be stored safely" in server.log
    return server.log


def fill(server, count=45):
    """Enqueues more than fits into one journal segment, so that it is trimmed."""
    return [server.enqueue(payload="x" * 900_000) for _ in range(count)]


@pytest.mark.parametrize("name", some(["store.db", "store.db-wal", "journal", "LOCK", "treadle.data", ""], 2))
def test_a_file_that_is_moved_away_is_noticed_and_putting_it_back_is_enough(server, tmp_path, name):
    ids = fill(server)
    path = server.data_dir / name
    os.rename(path, tmp_path / "away")
    assert re.search(rf"{path} was (removed|replaced) while the server was using it|{path}(/.*)?: No such file", stops(server))
    os.rename(tmp_path / "away", path)
    server.restart()
    assert [server.task(id)["state"] for id in ids] == ["ready"] * len(ids)
    assert "created a new, empty data directory" not in server.log.split("Stopping: ")[1]


def test_a_store_that_is_replaced_is_noticed_before_anything_is_trimmed(server, tmp_path):
    ids = fill(server)
    store = server.data_dir / "store.db"
    shutil.copy(store, tmp_path / "copy")
    os.rename(store, tmp_path / "away")
    os.rename(tmp_path / "copy", store)
    assert f"{store} was replaced while the server was using it" in stops(server)
    os.rename(tmp_path / "away", store)
    server.restart()
    assert [server.task(id)["state"] for id in ids] == ["ready"] * len(ids)


def test_a_segment_of_the_journal_that_is_removed_is_noticed(server):
    server.enqueue()
    newest = max((server.data_dir / "journal").glob("*.seg"))
    newest.unlink()
    assert f"{newest} was removed" in stops(server)


def test_a_start_without_the_store_changes_nothing_and_putting_it_back_is_enough(server, tmp_path):
    ids = fill(server)
    until(lambda: not (server.data_dir / "journal").joinpath("00000000000000000001.seg").exists())
    os.rename(server.data_dir / "store.db", tmp_path / "away")
    stops(server)
    before = (server.data_dir / "store.db-wal").read_bytes()
    for _ in range(2):
        refused = run("server", "--data", str(server.data_dir), "--listen", "127.0.0.1:0", expect=None)
        assert refused.returncode not in (0, FATAL) and "store.db is missing" in refused.stderr, refused
    assert (server.data_dir / "store.db-wal").read_bytes() == before
    os.rename(tmp_path / "away", server.data_dir / "store.db")
    server.restart()
    assert [server.task(id)["state"] for id in ids] == ["ready"] * len(ids)


def test_under_load_nothing_is_acknowledged_into_an_unlinked_store_for_long(server, tmp_path):
    """Everything acknowledged since the journal was last trimmed comes back with the store's file."""
    fill(server)
    os.rename(server.data_dir / "store.db", tmp_path / "away")
    acknowledged = []
    while server.process.poll() is None:
        try:
            acknowledged.append(server.enqueue(payload="y" * 100_000))
        except (OSError, HTTPException):
            break  # it has stopped
    stops(server)
    os.rename(tmp_path / "away", server.data_dir / "store.db")
    server.restart()
    assert [server.task(id)["state"] for id in acknowledged] == ["ready"] * len(acknowledged)


def test_a_start_on_a_vanished_directory_says_that_it_made_a_new_one(server):
    assert f"created a new, empty data directory at {server.data_dir}" in server.log
    server.stop()
    seen = len(server.log)
    server.restart()
    assert "created a new, empty data directory" not in server.log[seen:]
    server.stop()
    shutil.rmtree(server.data_dir)
    seen = len(server.log)
    server.restart()
    assert "created a new, empty data directory" in server.log[seen:]
