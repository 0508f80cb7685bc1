"""The disk layer and the power cut lose what was not synced: all of that and nothing else."""

import os
import subprocess
import sys

import pytest

import power_cut

LAYER = os.path.join(os.environ["TREADLE_BUILD"], "treadle_lossy_disk.so")
SECTOR = power_cut.SECTOR
A, B = "A" * SECTOR, "B" * SECTOR
HEAD = """
import os, sys
def put(name, text, at=0):
    fd = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
    os.pwrite(fd, text.encode(), at)
    return fd
def sync_names():
    fd = os.open(directory, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
directory = sys.argv[1]
os.chdir("/")
name = lambda text: os.path.join(directory, text)
"""


class Disk:
    def __init__(self, path):
        self.directory, self.undo, self.trace = path / "data", path / "undo", path / "trace"
        self.directory.mkdir()
        (self.undo / "files").mkdir(parents=True)

    def run(self, program, **settings):
        """Runs the program under the layer. Returns the exit status."""
        environment = {"LD_PRELOAD": LAYER, "TREADLE_DISK_DIRECTORY": str(self.directory),
                       "TREADLE_DISK_UNDO": str(self.undo), "TREADLE_DISK_TRACE": str(self.trace),
                       **{f"TREADLE_DISK_{key}": str(value) for key, value in settings.items()}}
        return subprocess.run([sys.executable, "-c", HEAD + program, str(self.directory)], check=False,
                              env={**os.environ, **environment}).returncode

    def cut(self, seed=1, takes_all=True):
        power_cut.cut(str(self.directory), str(self.undo), seed, takes_all)

    def files(self):
        return {path.name: path.read_text() for path in self.directory.iterdir()}


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path)


def test_synced_data_stays_and_unsynced_data_is_lost(disk):
    assert disk.run(f"""
fd = put(name("f"), "{A}{A}")
os.fdatasync(fd)
sync_names()
os.pwrite(fd, b"{B}", {SECTOR})
os.pwrite(fd, b"{B}", {2 * SECTOR})
""") == 0
    disk.cut()
    assert disk.files() == {"f": A + A}


def test_a_write_within_a_sector_keeps_the_other_bytes(disk):
    assert disk.run("""
fd = put(name("f"), "abcdef")
os.fdatasync(fd)
sync_names()
os.pwrite(fd, b"XY", 2)
""") == 0
    disk.cut()
    assert disk.files() == {"f": "abcdef"}


def test_an_unsynced_truncation_is_undone(disk):
    assert disk.run("""
fd = put(name("f"), "abcdef")
os.fdatasync(fd)
sync_names()
os.ftruncate(fd, 2)
""") == 0
    disk.cut()
    assert disk.files() == {"f": "abcdef"}


def test_names_are_lost_until_their_directory_is_synced(disk):
    assert disk.run("""
for letter in "abc":
    os.fsync(put(name(letter), letter))
sync_names()
os.fsync(put(name("d"), "d"))
os.unlink(name("a"))
os.rename(name("b"), name("c"))
""") == 0
    assert disk.files() == {"c": "b", "d": "d"}
    disk.cut()
    assert disk.files() == {"a": "a", "b": "b", "c": "c"}


def test_names_stay_when_their_directory_was_synced(disk):
    assert disk.run("""
for letter in "abc":
    os.fsync(put(name(letter), letter))
os.unlink(name("a"))
os.rename(name("b"), name("c"))
sync_names()
""") == 0
    disk.cut()
    assert disk.files() == {"c": "b"}


def test_a_prefix_of_the_name_changes_survives(disk):
    seen = set()
    for seed in range(20):
        assert disk.run('for letter in "abc": os.fsync(put(name(letter), letter))') == 0
        disk.cut(seed, takes_all=False)
        seen.add("".join(sorted(disk.files())))
        for path in disk.directory.iterdir():
            path.unlink()
    assert seen == {"", "a", "ab", "abc"}


def test_any_writes_may_survive_and_some_are_torn(disk):
    seen = set()
    for seed in range(60):
        assert disk.run(f"""
fd = put(name("f"), "{A * 4}")
os.fsync(fd)
sync_names()
os.pwrite(fd, b"{B * 2}", 0)
os.pwrite(fd, b"{B}", {3 * SECTOR})
""") == 0
        disk.cut(seed, takes_all=False)
        seen.add("".join(disk.files()["f"][::SECTOR]))
        (disk.directory / "f").unlink()
    assert seen == {"AAAA", "AAAB", "BBAA", "BBAB", "BAAA", "BAAB"}


def test_only_another_write_saves_what_a_failed_sync_left_behind(disk):
    assert disk.run(f"""
fd = put(name("f"), "{A * 2}")
os.fsync(fd)
sync_names()
os.pwrite(fd, b"{B * 2}", 0)
try:
    os.fsync(fd)
    sys.exit(1)
except OSError:
    pass
os.pwrite(fd, b"{B}", {SECTOR})
os.fsync(fd)
""", FAIL_AT=6) == 0
    disk.cut()
    assert disk.files() == {"f": A + B}


def test_a_lying_disk_loses_what_it_reported_as_synced(disk):
    assert disk.run('os.fsync(put(name("f"), "f")), sync_names()', LIES=1) == 0
    disk.cut()
    assert disk.files() == {}


def test_operations_are_numbered_and_the_process_dies_at_one_of_them(disk):
    program = 'os.fsync(put(name("f"), "abcd")), os.rename(name("f"), name("g"))'
    assert disk.run(program) == 0
    assert disk.trace.read_text().splitlines() == ["1 create f", "2 write f", "3 sync f", "4 rename f g"]
    (disk.directory / "g").unlink()
    assert disk.run(program, DIE_AT=2) == -9
    assert disk.files() == {"f": ""}
    assert disk.run(program, DIE_AT=1, DIE_HALF=1) == -9
    assert disk.files() == {"f": "ab"}


def test_an_operation_fails_as_configured(disk):
    program = 'fd = put(name("f"), "abcd")\nos._exit(os.pwrite(fd, b"abcd", 0))'
    assert disk.run(program, FAIL_AT=2, ERROR="ENOSPC") == 1
    assert disk.run(program, FAIL_AT=2, ERROR="short") == 2


def test_an_unmodeled_call_ends_the_process(disk):
    assert disk.run('os.posix_fallocate(put(name("f"), "f"), 0, 100)') == -6
    assert disk.run('os.truncate(name("f"), 0)') == -6
