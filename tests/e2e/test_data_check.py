"""`treadle data check`: what it says of directories that a real server wrote, whole and damaged."""

import json
import random
import shutil
import subprocess

import pytest

from treadle import BINARY, until

SEED = random.randrange(2**32)


def check(data_dir, *flags):
    done = subprocess.run([BINARY, "data", "check", str(data_dir), "-o", "json", *flags], text=True,
                          capture_output=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def files(directory):
    return {path: path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


@pytest.fixture
def written(start_server, data_dir):
    """A directory with tasks in the journal, and others in the store; its server was killed."""
    server = start_server(data_dir)
    for number in range(20):
        server.enqueue("t", payload={"n": number})
    server.stop()
    server = start_server(data_dir)
    for number in range(20):
        server.enqueue("t", payload={"n": number})
    server.kill()
    return data_dir


def damage_of(report):
    return [finding for finding in report["findings"] if finding["severity"] == "damage"]


def test_a_killed_servers_directory_is_sound_and_stays_as_it_was(written):
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
    flip(segment, 4096 + 60)  # in the first frame; later ones say that it was durable
    status, report = check(written)
    assert status == 1, f"seed {SEED}"
    assert "damaged at offset 4096" in damage_of(report)[0]["what"]


def test_a_flipped_bit_anywhere_in_the_store_is_found_or_does_no_harm(written):
    print(f"seed {SEED}")
    random.seed(SEED)
    # The log belongs to the file: fold it in, so that the flipped page is one that is read.
    subprocess.run(["sqlite3", written / "store.db", "PRAGMA wal_checkpoint(TRUNCATE)"], check=True, capture_output=True)
    whole = (written / "store.db").read_bytes()
    used = [at for at, byte in enumerate(whole) if byte]
    found = 0
    for at in random.sample(used, 15):
        (written / "store.db").write_bytes(whole)
        flip(written / "store.db", at)
        status, report = check(written)
        assert status in (0, 1, 4, 8), report
        found += status != 0
    assert found >= 1


def test_a_damaged_payload_names_its_task(written):
    subprocess.run(["sqlite3", written / "store.db", "PRAGMA wal_checkpoint(TRUNCATE)"], check=True, capture_output=True)
    store = (written / "store.db").read_bytes()
    at = store.index(b'{"n": 7}')
    (written / "store.db").write_bytes(store[:at] + b'{"n": 9}' + store[at + 8:])
    status, report = check(written)
    assert status == 1
    assert any("payload of task 1-8 is damaged" in finding["what"] for finding in damage_of(report)), report


def test_a_segment_that_is_none_any_more_is_damage(written, tmp_path):
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
    assert status not in (0, 1) and "no Treadle data directory" in said
    assert list((tmp_path / "other").iterdir()) == []
