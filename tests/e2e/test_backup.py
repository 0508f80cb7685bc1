"""`treadle backup`: backups of a real server under load, verified, restored and damaged."""

import contextlib
import ctypes
import hashlib
import json
import random
import re
import sqlite3
import threading

import pytest

from treadle import SEED, run, some, until


def create(server):
    return json.loads(server.run("backup", "create", "-o", "json", timeout=400).stdout)


def path_of(server, backup):
    return server.data_dir / "backups" / backup["name"]


def verify(path, expect=0):
    done = run("backup", "verify", str(path), "-o", "json", expect=expect)
    return json.loads(done.stdout) if expect == 0 else done.stderr


def restore(path, directory, expect=0):
    done = run("backup", "restore", str(path), "--data", str(directory), "-o", "json", expect=expect)
    return json.loads(done.stdout) if expect == 0 else done.stderr


class Producer(threading.Thread):
    """Enqueues batches and records what was acknowledged, until it is stopped."""

    def __init__(self, server, name):
        super().__init__()
        self.server, self.name, self.acknowledged, self.over = server, name, [], threading.Event()

    def run(self):
        number = 0
        while not self.over.is_set():
            tasks = [{"type": "t", "payload": {"n": number + i}, "idempotency_key": f"{self.name}-{number + i}"}
                     for i in range(50)]
            number += 50
            answer = self.server.post("/v1/tasks/batch", {"tasks": tasks})
            assert answer.status in (200, 201), answer
            self.acknowledged += [each["id"] for each in answer.json["tasks"]]


def test_a_backup_under_load_contains_everything_acknowledged_before_it(start_server, data_dir, tmp_path):
    server = start_server(data_dir, "--checkpoint-interval", "100ms", "--checkpoint-after", "1MiB")
    worker, producers = server.worker(), [Producer(server, f"p{i}") for i in some(range(3), 1)]
    for producer in producers:
        producer.start()
    try:
        done = []
        until(lambda: sum(len(producer.acknowledged) for producer in producers) >= 1000)
        for _ in range(20):
            leases = worker.lease(want=20)
            reports = [{"token": lease["token"], "outcome": "completed", "result": {"n": 1}} for lease in leases]
            assert worker.report(*reports) == ["OK"] * len(leases)
            done += [lease["id"] for lease in leases]
        running = worker.lease()[0]
        before = [id for producer in producers for id in list(producer.acknowledged)]
        backup = create(server)
    finally:
        for producer in producers:
            producer.over.set()
            producer.join()
    assert backup["state"] == "done"
    after = set(id for producer in producers for id in producer.acknowledged) - set(before)
    seen = verify(path_of(server, backup))
    assert seen["problems"] == [] and seen["frame"] == backup["frame"]
    server.kill()

    report = restore(path_of(server, backup), tmp_path / "restored")
    restored = start_server(tmp_path / "restored")
    for id in some(done, 100):
        assert restored.task(id)["state"] == "completed", f"{id} of {len(done)}"
    assert restored.task(running["id"])["state"] == "running"
    for id in some(random.Random(SEED).sample(before, 500), 100):
        assert restored.get(f"/v1/tasks/{id}").status == 200, f"seed {SEED}: {id} is lost"
    queue = restored.queue()
    present = sum(queue["tasks"].values())
    assert present == seen["waiting"] + seen["ended"]
    assert len(before) <= present <= len(before) + len(after)
    # The restored server has a new term, and no ID is assigned twice.
    assert restored.get("/v1/info").json["term"] > report["term_from"] > 1000
    new = restored.enqueue("other")
    assert new == report["next_task"] and new not in after


def test_a_lease_granted_after_the_backup_is_invalid_on_the_restored_server(server, start_server, tmp_path):
    task, worker = server.enqueue(), server.worker()
    backup = create(server)
    late = worker.lease()[0]
    server.kill()
    restore(path_of(server, backup), tmp_path / "restored")
    restored = start_server(tmp_path / "restored")
    again = restored.worker(name="again")
    lease = again.lease()[0]
    assert lease["id"] == late["id"] == task and lease["attempt"] == late["attempt"]
    old = restored.worker(name="worker")
    assert old.complete(late) != "OK"
    assert restored.task(task)["state"] == "running"
    assert again.complete(lease) == "OK"


def test_a_backup_of_a_server_without_a_task_can_be_restored(server, start_server, tmp_path):
    backup = create(server)
    assert verify(path_of(server, backup))["waiting"] == 0
    restore(path_of(server, backup), tmp_path / "restored")
    restored = start_server(tmp_path / "restored")
    assert restored.task(restored.enqueue())["state"] == "ready"


def test_damage_anywhere_is_noticed_and_not_restored(server, tmp_path):
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    for number in range(20):
        server.enqueue(payload={"n": number})
    whole = path_of(server, create(server)).read_bytes()
    label = whole.index(b"treadle-backup 1")
    end = whole.rindex(b"label_xxh3") + len(b"label_xxh3 ") + 16
    places = [rng.randrange(label) for _ in range(5)] + [rng.randrange(label, end) for _ in range(5)]
    cuts = [0, 100, len(whole) - 1, rng.randrange(len(whole))]
    damaged = tmp_path / "damaged.backup"
    for content in some([whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1:] for at in places] +
                        [whole[:cut] for cut in cuts] + [whole + b"\n"], 6):
        damaged.write_bytes(content)
        assert "damaged" in verify(damaged, expect=1)
        assert "damaged" in restore(damaged, tmp_path / f"r{len(list(tmp_path.iterdir()))}", expect=1)
    damaged.write_bytes(whole)
    verify(damaged)


def test_a_restore_overwrites_nothing_and_an_unfinished_one_is_no_data_directory(server, start_server, tmp_path):
    backup = path_of(server, create(server))
    server.enqueue()
    server.stop()
    assert "not empty" in restore(backup, server.data_dir, expect=8)
    target = tmp_path / "target"
    restore(backup, target)
    (target / "treadle.data").unlink()  # it is written last
    refused = run("server", "--data", str(target), "--listen", "127.0.0.1:0", expect=1)
    assert "not a Treadle data directory" in refused.stderr


def test_backups_are_made_by_the_schedule_and_the_newest_are_kept(start_server, data_dir, tmp_path):
    directory = tmp_path / "elsewhere"
    server = start_server(data_dir, "--backup-directory", str(directory), "--backup-every", "1s", "--backup-keep", "2")
    server.enqueue()

    def names():
        answer = server.get("/v1/backups")
        assert answer.status == 200, answer
        return [each["name"] for each in answer.json["backups"] if each["state"] == "done"]

    first = until(names)
    until(names, lambda names: len(names) == 2 and first[-1] not in names)
    until(lambda: len(list(directory.glob("*.backup"))), lambda count: count == 2)
    assert "treadle_backups_failed_total 0" in server.get("/metrics").body.decode()
    listed = until(names)
    assert listed == sorted(listed, reverse=True)


def test_requested_backups_are_limited_and_displace_no_scheduled_one(start_server, data_dir):
    server = start_server(data_dir, "--backup-every", "1h", "--backup-keep", "2")
    directory = data_dir / "backups"
    (scheduled,) = until(lambda: list(directory.glob("*.backup")))
    for _ in range(4):
        until(lambda: server.get("/v1/backups").json["backups"][0]["state"], lambda state: state == "done")
        assert server.post("/v1/backups", None).status == 202
    until(lambda: server.get("/v1/backups").json["backups"][0]["state"], lambda state: state == "done")
    refused = server.post("/v1/backups", None)
    assert (refused.status, refused.code) == (429, "RESOURCE_EXHAUSTED") and 0 < refused.json["retry_after_ms"] <= 300_000
    assert "at most 4 backups" in refused.detail
    until(lambda: len(list(directory.glob("*-manual.backup"))), lambda count: count == 2)
    assert scheduled.exists() and len(list(directory.glob("*.backup"))) == 3


def xxh3(text):
    """The checksum that the label uses."""
    try:
        library = ctypes.CDLL("libxxhash.so.0")
    except OSError:
        pytest.skip("libxxhash is not installed")
    library.XXH3_64bits.restype = ctypes.c_uint64
    return f"{library.XXH3_64bits(text, ctypes.c_size_t(len(text))):016x}"


def forged(path, sql, tmp_path):
    """The backup after `sql` ran on its store, with a correct label."""
    whole = path.read_bytes()
    store, label = tmp_path / "forged.db", whole[-512:]
    store.write_bytes(whole[:-512])
    with contextlib.closing(sqlite3.connect(store)) as db:
        db.executescript(sql)
    content = store.read_bytes()
    lines = label[:label.index(b"label_xxh3")].decode()
    lines = re.sub(r"store_bytes \d+", f"store_bytes {len(content)}", lines)
    lines = re.sub(r"store_sha256 \w+", f"store_sha256 {hashlib.sha256(content).hexdigest()}", lines)
    label = f"{lines}label_xxh3 {xxh3(lines.encode())}\n".encode()
    made = tmp_path / "forged.backup"
    made.write_bytes(content + label.ljust(512, b"\n"))
    return made


@pytest.mark.parametrize("sql", [
    "CREATE TRIGGER intruder AFTER UPDATE ON meta BEGIN DELETE FROM live; END",
    "CREATE VIEW intruder AS SELECT * FROM live",
    "CREATE TABLE intruder (a)",
    "CREATE INDEX intruder ON queue (paused)",
])
def test_a_backup_whose_store_defines_more_than_treadle_does_is_refused(server, tmp_path, sql):
    server.enqueue()
    whole = path_of(server, create(server))
    made = forged(whole, sql, tmp_path)
    for text in (verify(made, expect=None), restore(made, tmp_path / "restored", expect=None)):
        assert "intruder" in text and "which Treadle did not create" in text, text
    assert not (tmp_path / "restored" / "treadle.data").exists()
    verify(forged(whole, "PRAGMA user_version = 4", tmp_path))


def test_a_backup_with_an_implausible_term_is_refused(server, tmp_path):
    whole = path_of(server, create(server)).read_bytes()
    label = whole[-512:]
    lines = re.sub(r"term \d+", f"term {2**32 - 1}", label[:label.index(b"label_xxh3")].decode())
    made = tmp_path / "forged.backup"
    made.write_bytes(whole[:-512] + f"{lines}label_xxh3 {xxh3(lines.encode())}\n".encode().ljust(512, b"\n"))
    for text in (verify(made, expect=None), restore(made, tmp_path / "restored", expect=None)):
        assert "the backup's numbers are implausible: term 4294967295" in text, text
    assert not (tmp_path / "restored" / "treadle.data").exists()


def test_the_partial_backup_of_a_killed_server_is_removed(start_server, data_dir):
    server = start_server(data_dir)
    create(server)
    server.kill()
    draft = data_dir / "backups" / "treadle-20200101T000000.000Z.backup.partial"
    draft.write_bytes(b"half")
    start_server(data_dir)
    until(lambda: not draft.exists())
    assert len(list((data_dir / "backups").glob("*.backup"))) == 1


def test_a_failed_backup_says_why_and_the_server_continues(start_server, data_dir, tmp_path):
    (tmp_path / "file").write_text("in the way")
    server = start_server(data_dir, "--backup-directory", str(tmp_path / "file"))
    failed = server.run("backup", "create", expect=1)
    assert str(tmp_path / "file") in failed.stderr
    assert server.task(server.enqueue())["state"] == "ready"
    assert "treadle_backups_failed_total 1" in server.get("/metrics").body.decode()


@pytest.mark.parametrize("words, sentence", [
    (("backup", "verify", "/nowhere/x.backup"), "/nowhere/x.backup"),
    (("backup", "restore", "/nowhere/x.backup", "--data", "/nowhere/d"), "/nowhere/x.backup"),
    (("server", "--backup-every", "10ms", "--data", "x"), "backup.every"),
    (("server", "--backup-keep", "many", "--data", "x"), "whole number"),
])
def test_wrong_arguments_are_refused_by_name(words, sentence, tmp_path):
    done = run(*words, expect=None, cwd=tmp_path)
    assert done.returncode not in (0, 1) and sentence in done.stderr, done
