"""`treadle data check`: its findings in directories that a real server wrote, intact and damaged."""

import hashlib
import json
import os
import pty
import random
import shutil
import subprocess

import pytest

from treadle import BINARY, SANITIZED, SEED, some, until


def check(data_dir, *flags):
    done = subprocess.run([BINARY, "data", "check", str(data_dir), "-o", "json", *flags], text=True,
                          capture_output=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def files(directory):
    """The size and digest of each file, so that a mismatch shows names and not 100 MB of text."""
    def told(path):
        content = path.read_bytes()
        return len(content), hashlib.sha256(content).hexdigest()
    return {path: told(path) for path in sorted(directory.rglob("*")) if path.is_file()}


@pytest.fixture
def written(start_server, data_dir):
    """A directory with tasks in the journal and others in the store. Its server was killed."""
    server = start_server(data_dir)
    for number in range(20):
        server.enqueue("t", payload={"n": number})
    server.stop()
    server = start_server(data_dir)
    for number in range(20):
        server.enqueue("t", payload={"n": number})
    server.kill()
    return without_ballast(data_dir)


def without_ballast(data_dir):
    """48 MiB less to copy and to compare."""
    (data_dir / "ballast").unlink()
    return data_dir


def damage_of(report):
    return [finding for finding in report["findings"] if finding["severity"] == "damage"]


def test_a_killed_servers_directory_is_sound_and_unchanged(written):
    before = files(written)
    status, report = check(written)
    assert (status, report["sound"]) == (0, True), report
    assert {finding["where"] for finding in report["findings"]} == {"journal", "store", "recovery"}
    assert "1-41" in next(each["what"] for each in report["findings"] if each["where"] == "recovery")
    assert files(written) == before


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << random.randrange(8)
    path.write_bytes(content)


def test_a_flipped_bit_in_a_durable_frame_is_damage(written):
    random.seed(SEED)
    segment = sorted((written / "journal").glob("*.seg"))[-1]
    flip(segment, 4096 + 60)  # in the first frame; later ones prove that it was durable
    status, report = check(written)
    assert status == 1, f"seed {SEED}"
    assert "damaged at offset 4096" in damage_of(report)[0]["what"]


def test_a_flipped_bit_anywhere_in_the_store_is_found_or_does_no_harm(written):
    print(f"seed {SEED}")
    random.seed(SEED)
    # The log is part of the store. Fold it in, so that the flipped page is one that will be read.
    subprocess.run(["sqlite3", written / "store.db", "PRAGMA wal_checkpoint(TRUNCATE)"], check=True, capture_output=True)
    whole = (written / "store.db").read_bytes()
    used = [at for at, byte in enumerate(whole) if byte]
    found = 0
    for at in some(random.sample(used, 15), 5):
        (written / "store.db").write_bytes(whole)
        flip(written / "store.db", at)
        status, report = check(written)
        assert status in (0, 1, 4, 8), report
        found += status != 0
    assert found >= 1 or SANITIZED


def test_a_damaged_payload_names_its_task(written):
    subprocess.run(["sqlite3", written / "store.db", "PRAGMA wal_checkpoint(TRUNCATE)"], check=True, capture_output=True)
    store = (written / "store.db").read_bytes()
    at = store.index(b'{"n": 7}')
    (written / "store.db").write_bytes(store[:at] + b'{"n": 9}' + store[at + 8:])
    status, report = check(written)
    assert status == 1
    assert any("payload of task 1-8 is damaged" in finding["what"] for finding in damage_of(report)), report


def test_a_destroyed_segment_is_damage(written, tmp_path):
    random.seed(SEED)
    for name, spoil in {"garbage": lambda path: path.write_bytes(random.randbytes(5000)),
                        "empty": lambda path: path.write_bytes(b"")}.items():
        copy = tmp_path / name
        shutil.copytree(written, copy)
        spoil(sorted((copy / "journal").glob("*.seg"))[-1])
        status, report = check(copy)
        assert status == 1, (name, f"seed {SEED}", report)


def test_a_directory_in_use_or_of_another_kind_is_refused(start_server, data_dir, tmp_path):
    server = start_server(data_dir)
    status, said = check(data_dir)
    assert status not in (0, 1) and "in use" in said
    server.stop()
    until(lambda: check(data_dir)[0], lambda status: status == 0)
    (tmp_path / "other").mkdir()
    status, said = check(tmp_path / "other")
    assert status not in (0, 1) and "Treadle data directory" in said
    assert list((tmp_path / "other").iterdir()) == []


def repair(data_dir, expect=0):
    """Repairs and returns the report. Checks that the copy it made equals the old files byte for byte."""
    before = {path.relative_to(data_dir): content for path, content in files(data_dir).items()}
    status, report = check(data_dir, "--repair", "--yes")
    assert status == expect, report
    copies = list(data_dir.parent.glob(data_dir.name + ".before-repair-*"))
    assert [str(copy) for copy in copies] == ([report["copy"]] if report["repaired"] else []), report
    for copy in copies:
        assert {path.relative_to(copy): content for path, content in files(copy).items()} == before
        shutil.rmtree(copy)
    assert sorted(path.name for path in data_dir.iterdir() if "repaired" in path.name or "damaged" in path.name) == []
    if status == 0:
        assert report["in_order"]
        assert {each["severity"] for each in check(data_dir)[1]["findings"]} == (
            {"ok"} if report["sound"] else {"ok", "damage"})
    return report


def tasks_of(server):
    return {task["id"] for task in server.get("/v1/tasks?limit=1000").json["tasks"]}


def ids(first, last):
    return {f"1-{number}" for number in range(first, last + 1)}


def log_folded_in(data_dir):
    """Folds the log into the store's file and returns its path."""
    path = data_dir / "store.db"
    subprocess.run(["sqlite3", path, "PRAGMA wal_checkpoint(TRUNCATE)"], check=True, capture_output=True)
    return path


@pytest.fixture
def stored(start_server, data_dir):
    """200 tasks that only the store has, because their frames were trimmed, and 3 that the journal also has."""
    server = start_server(data_dir)
    for number in range(200):
        server.enqueue("t", payload={"n": number, "fill": "x" * 1000})
    server.stop()
    for _ in range(3):
        server = start_server(data_dir)
        server.enqueue("t", payload={"n": "later"})
        server.stop()
    return without_ballast(data_dir)


def test_a_sound_directory_is_not_touched_by_a_repair(written):
    before = files(written)
    report = repair(written)
    assert (report["repaired"], report["lost"]) == (False, [])
    assert files(written) == before


def test_frames_after_a_damaged_one_are_dropped_and_named(written, start_server):
    segment = sorted((written / "journal").glob("*.seg"))[-1]
    content = segment.read_bytes()
    at = content.index(b'{"n": 10}')  # of task 1-31, the eleventh of the second server
    flip(segment, at)
    report = repair(written)
    lost, = report["lost"]
    assert lost["where"] == "journal" and lost["last_frame"] - lost["first_frame"] == 9, report
    assert (lost["tasks"], set(lost["ids"])) == (9, ids(32, 40)), "those readable after the damage"
    server = start_server(written)
    assert tasks_of(server) == ids(1, 30)
    assert server.enqueue("t") == report["next_task"] not in ids(1, 40), "no ID may be assigned twice"
    assert server.task("1-30")["state"] == "ready"


def test_a_damaged_frame_that_is_already_in_the_store_costs_nothing(start_server, data_dir):
    server = start_server(data_dir)
    for number in range(20):
        server.enqueue("t", payload={"n": number})
    until(lambda: subprocess.run(["sqlite3", "-readonly", data_dir / "store.db", "SELECT count(*) FROM live"],
                                 text=True, capture_output=True, check=False).stdout.strip(), lambda count: count == "20")
    server.enqueue("t", payload="the last")
    server.kill()
    segment = sorted((data_dir / "journal").glob("*.seg"))[-1]
    flip(segment, segment.read_bytes().index(b'{"n": 10}'))
    report = repair(data_dir)
    assert report["lost"] == [] and report["sound"], report
    assert tasks_of(start_server(data_dir)) == ids(1, 21)


def test_a_journal_without_its_newest_segment_continues_after_the_store(stored, start_server):
    for segment in (stored / "journal").glob("*.seg"):
        segment.unlink()
    assert check(stored)[0] == 1
    report = repair(stored)
    assert report["lost"][0]["where"] == "journal" and "last_frame" not in report["lost"][0], report
    server = start_server(stored)
    assert tasks_of(server) == ids(1, 203)
    assert int(server.enqueue("t").split("-")[1]) > 1_000_000
    lease, = server.worker().lease()
    assert int(lease["token"].split(".")[2]) > 1_000, "must be a term that no lost segment had"


def test_a_server_without_its_journal_creates_none_and_names_the_command(stored, start_server):
    shutil.rmtree(stored / "journal")
    with pytest.raises(AssertionError, match=f"run treadle data check {stored}"):
        start_server(stored)
    assert list(stored.rglob("*.seg")) == []
    repair(stored)
    assert tasks_of(start_server(stored)) == ids(1, 203)


def test_an_empty_journal_of_another_identity_yields_to_the_store(stored, start_server, tmp_path):
    """Older servers created a new journal when theirs was missing; now a server refuses to start."""
    start_server(tmp_path / "other").stop()
    shutil.rmtree(stored / "journal")
    shutil.copytree(tmp_path / "other" / "journal", stored / "journal")
    repair(stored)
    assert tasks_of(start_server(stored)) == ids(1, 203)


def test_a_truncated_segment_keeps_its_beginning(written, start_server):
    segment = sorted((written / "journal").glob("*.seg"))[-1]
    content = segment.read_bytes()
    os.truncate(segment, content.index(b'{"n": 10}'))
    report = repair(written)
    assert "may be lost" in report["lost"][0]["what"], report
    assert tasks_of(start_server(written)) == ids(1, 30)


def test_a_gap_before_the_oldest_segment_drops_everything_after_it(stored, start_server):
    """Uses a store from an earlier day: today's journal begins after its end."""
    before = (stored / "store.db").read_bytes()
    server = start_server(stored)
    server.enqueue("t")
    server.stop()
    server = start_server(stored)
    server.enqueue("t")
    server.stop()
    for log in stored.glob("store.db-*"):
        log.unlink()
    (stored / "store.db").write_bytes(before)
    status, report = check(stored)
    assert status == 1 and "segments are missing" in damage_of(report)[0]["what"], report
    report = repair(stored)
    assert "last_frame" in report["lost"][0], report
    assert tasks_of(start_server(stored)) == ids(1, 203)


def test_damaged_pages_of_the_store_cost_the_tasks_on_them(stored, start_server):
    path = log_folded_in(stored)
    content = bytearray(path.read_bytes())
    page = content.index(b'{"n": 100,') // 8192 * 8192
    content[page:page + 8192] = random.Random(SEED).randbytes(8192)
    path.write_bytes(content)
    report = repair(stored)
    missing = [each for each in report["lost"] if "are lost: its counters" in each["what"]]
    server = start_server(stored)
    left = tasks_of(server)
    assert len(missing) == 1 and missing[0]["what"].startswith(f"{203 - len(left)} tasks of queue default"), report
    assert 203 - 20 <= len(left) < 203 and left >= ids(1, 80) | ids(120, 203), sorted(left)


def test_a_damaged_store_gets_back_what_the_journal_still_has(written, start_server):
    path = log_folded_in(written)
    content = bytearray(path.read_bytes())
    page = content.index(b'{"n": 7}') // 8192 * 8192
    content[page:page + 8192] = bytes(8192)
    path.write_bytes(content)
    repair(written)
    assert tasks_of(start_server(written)) == ids(1, 40)


def test_a_destroyed_store_is_rebuilt_if_the_journal_has_everything(written, stored_elsewhere, start_server):
    (written / "store.db").write_bytes(b"\0" * 8192)
    report = repair(written)
    assert report["lost"] == [], report
    assert tasks_of(start_server(written)) == ids(1, 40)
    (stored_elsewhere / "store.db").write_bytes(b"\0" * 8192)
    before = files(stored_elsewhere)
    status, said = check(stored_elsewhere, "--repair", "--yes")
    assert status == 8 and "restore a backup" in said
    assert files(stored_elsewhere) == before


@pytest.fixture
def stored_elsewhere(start_server, tmp_path):
    """A directory whose journal does not reach back to the beginning."""
    for _ in range(4):
        server = start_server(tmp_path / "elsewhere")
        server.enqueue("t")
        server.stop()
    return tmp_path / "elsewhere"


def spoil_payload(data_dir, old, new):
    path = log_folded_in(data_dir)
    content = path.read_bytes()
    path.write_bytes(content.replace(old, new))


def test_a_damaged_payload_comes_back_from_the_journal(start_server, data_dir):
    server = start_server(data_dir)
    server.enqueue("t", payload={"n": 7})
    server.stop()
    spoil_payload(data_dir, b'{"n": 7}', b'{"n": 9}')
    assert check(data_dir)[0] == 1
    report = repair(data_dir)
    assert report["sound"] and report["lost"] == []
    lease, = start_server(data_dir).worker().lease()
    assert lease["payload"] == {"n": 7}


def test_a_lost_payload_sends_its_task_to_the_dead_letters(stored, start_server):
    spoil_payload(stored, b'{"n": 7,', b'{"n": 9,')
    before = files(stored)
    report = repair(stored)
    assert (report["repaired"], report["sound"], report["lost"][0]["ids"]) == (False, False, ["1-8"])
    assert files(stored) == before
    server = start_server(stored)
    assert len(server.worker().lease(want=100)) >= 1
    dead = until(lambda: server.get("/v1/tasks?state=dead").json["tasks"])
    assert [(task["id"], task["error"]["code"]) for task in dead] == [("1-8", "payload_damaged")]


def test_newer_or_locked_directories_are_refused_and_unchanged(written, start_server):
    segment = sorted((written / "journal").glob("*.seg"))[-1]
    whole = segment.read_bytes()
    flip(segment, whole.index(b'{"n": 10}'))

    def version(number=""):
        command = f"PRAGMA user_version {'= ' if number else ''}{number}"
        return subprocess.run(["sqlite3", written / "store.db", command], check=True, capture_output=True, text=True).stdout

    ours = version().strip()
    version(99)
    before = files(written)
    status, said = check(written, "--repair", "--yes")
    assert status == 8 and "format 99" in said, said
    assert files(written) == before
    version(ours)
    segment.write_bytes(whole)
    start_server(written)
    status, said = check(written, "--repair", "--yes")
    assert status == 8 and "in use" in said


def test_a_repair_without_yes_asks_a_person(written, tmp_path):
    segment = sorted((written / "journal").glob("*.seg"))[-1]
    flip(segment, segment.read_bytes().index(b'{"n": 10}'))
    before = files(written)
    status, said = check(written, "--repair")
    assert status == 2 and "--yes" in said
    assert files(written) == before

    def answer(text):
        master, slave = pty.openpty()
        os.write(master, text)
        done = subprocess.run([BINARY, "data", "check", written, "--repair"], stdin=slave, capture_output=True, text=True,
                              timeout=60, check=False)
        os.close(slave)
        os.close(master)
        return done

    done = answer(b"n\n")
    assert done.returncode == 1 and "[y/N]" in done.stderr and "nothing was changed" in done.stderr
    assert files(written) == before
    done = answer(b"y\n")
    assert done.returncode == 0 and "the directory is in order" in done.stderr, done
    assert "lost" in done.stdout and "frames" in done.stdout


@pytest.mark.parametrize("of", ["store.db", "journal"])
def test_a_repair_of_any_flipped_bit_leaves_a_directory_that_starts_or_refuses(written, start_server, tmp_path, of):
    print(f"seed {SEED}")
    random.seed(SEED)
    log_folded_in(written)
    path = written / of if of == "store.db" else sorted((written / "journal").glob("*.seg"))[-1]
    used = [at for at, byte in enumerate(path.read_bytes()) if byte]
    for round in some(range(8), 2):
        copy = tmp_path / f"round-{round}"
        shutil.copytree(written, copy)
        flip(copy / path.relative_to(written), random.choice(used))
        before = files(copy)
        status, report = check(copy, "--repair", "--yes")
        assert status in (0, 8), report
        if status == 8:
            assert files(copy) == before
        else:
            server = start_server(copy)
            assert server.enqueue("t")
            server.kill()
