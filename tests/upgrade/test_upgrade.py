"""Data directories of earlier versions must open in this one, and those of later versions must be rejected. (For a
newer journal see tests/conformance, ANewerVersionIsRefusedAndUntouched.)

written/ has one directory for each version, with something of everything and the answers that its clients got
(write.py). If a format change breaks these tests, write code that reads the old format; do not replace the fixture.
"""

import base64
import hashlib
import json
import re
import struct
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from treadle import BINARY, Server, run  # noqa: E402
from write import POLICIES  # noqa: E402

VERSIONS = sorted(path.name.removesuffix(".tar.xz") for path in (HERE / "written").glob("*.tar.xz"))
# Fields of an answer that depend on when it is requested, so they are not compared.
OF_THE_MOMENT = {"lease_expires_at", "next_attempt_at", "progress"}


def unpack(version, directory):
    with tarfile.open(HERE / "written" / f"{version}.tar.xz") as archive:
        archive.extractall(directory)
    return directory / "data", json.loads((directory / "expected.json").read_text())


@pytest.fixture
def start(tmp_path):
    servers = []

    def start(directory, *flags):
        servers.append(Server(directory, *flags, log=tmp_path / "server.log"))
        return servers[-1].start()

    yield start
    for server in servers:
        server.kill()


def merged(policy, change):
    """What a change makes of a policy."""
    return {**policy, **{key: merged(policy[key], value) if isinstance(value, dict) else value for key, value in change.items()}}


def standing(task):
    return {key: value for key, value in task.items() if key not in OF_THE_MOMENT}


def test_the_version_before_this_one_is_tested():
    assert len(VERSIONS) >= 2, "write.py makes the missing ones"
    now = run("version").stdout
    assert re.search(r"\d+\.\d+\.\d+", now).group() in VERSIONS, f"{now} has no data directory in written/"


@pytest.mark.parametrize("version", VERSIONS)
def test_data_of_an_earlier_version_reads_as_its_clients_saw_it(version, tmp_path, start):
    directory, expected = unpack(version, tmp_path)
    sound = run("data", "check", str(directory), "-o", "json", expect=None)
    assert sound.returncode == 0, sound
    server = start(directory)
    queue = server.queue()
    assert queue["tasks"] == expected["tasks_by_state"] and queue["accepted"] == expected["accepted"]
    assert server.queue("aside")["policy"]["paused"]
    for life in expected["lives"]:
        for name, task in life["tasks"].items():
            now = server.task(task["id"])
            for key, value in standing(task).items():
                assert now.get(key) == value, f"{version}: {key} of {name}"
            payload = server.get(f"/v1/tasks/{task['id']}/payload").body
            assert base64.b64encode(payload).decode() == life["payloads"][name]
        steps = life["told"]["steps"]
        assert server.get(f"/v1/tasks/{steps}/log").body.decode() == life["log"] == "half way\n"
        history = server.get(f"/v1/tasks/{steps}/attempts").json
        assert history["steps"] == life["attempts"]["steps"] == [{"name": "charge", "result": {"id": 7}}]


@pytest.mark.parametrize("version", VERSIONS)
def test_policies_of_an_earlier_version_are_read_whole(version, tmp_path, start):
    directory, _ = unpack(version, tmp_path)
    server = start(directory)
    usual = server.call("PUT", "/v1/queues/usual", {}).json["policy"]
    of_then = {"attempt_timeout_ms": 1_800_000} if version in ("0.1.0", "0.2.0", "0.3.0") else {}

    def check():
        for queue in ("default", "aside"):
            wanted = merged({**usual, **of_then}, POLICIES[f"/v1/queues/{queue}"])
            assert server.queue(queue)["policy"] == wanted
        wanted = {"retry": merged(usual["retry"], POLICIES["/v1/types/fails"]["retry"])}
        assert server.get("/v1/types/fails").json["policy"] == wanted
        assert server.get("/v1/types/checked").json["contracts"][0]["version"] == 1

    check()
    assert server.call("PUT", "/v1/queues/aside", {}).status == 200  # in the form of today
    assert server.call("PUT", "/v1/types/fails", {}).status == 200
    assert server.stop() == 0
    server = start(directory)
    check()


@pytest.mark.parametrize("version", VERSIONS)
def test_work_started_by_an_earlier_version_continues(version, tmp_path, start):
    directory, expected = unpack(version, tmp_path)
    server = start(directory)
    worker = server.worker("waits", "saves", name="later")
    for life in expected["lives"]:
        told = life["told"]
        # Tokens of running leases are still valid, keys still admit nothing, and saved data comes back.
        assert worker.complete({"token": told["token of running"]}) == "OK"
        again = server.post("/v1/tasks", {"type": "saves", "idempotency_key": f"one{1 + expected['lives'].index(life)}",
                                          "unique_while": "done"})
        assert again.status == 200 and again.json["id"] == told["steps"], again
        assert worker.release({"token": told["token of steps"]}) == "OK"
        lease = server.worker("saves").lease()[0]
        assert lease["id"] == told["steps"] and lease["steps"] == [{"name": "charge", "result": {"id": 7}}]
        assert lease["checkpoint"]["data"] == {"at": 3}
    broken = server.post("/v1/tasks", {"type": "checked", "payload": {}})
    assert broken.status == 400, "its contract is gone"
    ids = [int(task["id"].split("-")[1]) for life in expected["lives"] for task in life["tasks"].values()]
    assert int(server.enqueue("new").split("-")[1]) > max(ids)
    assert server.stop() == 0
    assert run("data", "check", str(directory), expect=None).returncode == 0


def files_of(directory):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in directory.rglob("*") if path.is_file() and path.name != "LOCK"}


def test_an_old_store_with_a_damaged_task_is_rejected_and_unchanged(tmp_path):
    directory, _ = unpack("0.2.0", tmp_path)
    subprocess.run(["sqlite3", directory / "store.db", "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE;"
                    "UPDATE done SET max_attempts = 77 WHERE id = (SELECT max(id) FROM done);"], check=True)
    before = (directory / "store.db").read_bytes()
    refused = subprocess.run([BINARY, "server", "--data", str(directory), "--listen", "127.0.0.1:0"], text=True,
                             capture_output=True, timeout=60)
    assert refused.returncode not in (0, -6, -11), refused
    assert "repair it with the Treadle that wrote it" in refused.stderr, refused
    assert (directory / "store.db").read_bytes() == before, "the store was changed"


def newer_directory(directory):
    (directory / "treadle.data").write_text("treadle-data 99\n")


def newer_store(directory):
    with open(directory / "store.db", "r+b") as file:
        file.seek(60)  # user_version in the header of a SQLite file
        file.write(struct.pack(">I", 99))
    (directory / "store.db-wal").unlink(missing_ok=True)


@pytest.mark.parametrize("make_newer", [newer_directory, newer_store])
def test_data_of_a_newer_version_is_rejected_and_unchanged(make_newer, tmp_path):
    directory, _ = unpack(VERSIONS[-1], tmp_path)
    make_newer(directory)
    before = files_of(directory)
    refused = subprocess.run([BINARY, "server", "--data", str(directory), "--listen", "127.0.0.1:0"], text=True,
                             capture_output=True, timeout=60)
    assert refused.returncode not in (0, -6, -11), refused
    assert "newer Treadle" in refused.stderr, refused
    after = files_of(directory)
    assert sorted(after) == sorted(before)
    assert [path for path in after if after[path] != before[path]] == []
