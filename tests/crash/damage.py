"""Damages the files of a stopped server, one bit or one cut at a time, and starts the server on them.

The server must either refuse to start, with a nonzero status and a message that names the file, or start with
everything that was acknowledged. It must never hang or be killed by the damage. There are two exceptions, and both
are tested:

  the last frame   A damaged last frame of the journal looks like a torn end. What only that frame recorded may be gone.
  the store        SQLite's pages have no checksums, and of the store's contents only payloads and results have digests,
                   so a flipped bit may go unnoticed. Such cases are counted ("unnoticed"). Here the server must only
                   neither hang nor be killed, and report clearly what it does notice.
"""

import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

from api import Damaged, Gone, free_port
from every_write import ENDS_WITHIN_S, OPTIONS, set_policies, spread
from facts import Facts
from server import Server, Unready
from workload import Workload, sees_its_store_follow, work_in_peace

FRAME = struct.Struct("<4sIQQQQq")
HEADER_BYTES, FRAME_HEADER_BYTES = 4096, 56
LAST_TASKS = 6  # enqueued one by one at the end: each one is a frame


class Damage:
    """`change(path)` damages the file `name`. `is_last`: it affects only the last frame."""

    def __init__(self, what, name, change, is_last=False):
        self.what, self.name, self.change, self.is_last = what, name, change, is_last
        self.may_be_told_later = False

    def __str__(self):
        return f"{self.name}: {self.what}"


def flip(name, byte, bit, is_last=False):
    def change(path):
        with open(path, "r+b") as file:
            file.seek(byte)
            old = file.read(1)[0]
            file.seek(byte)
            file.write(bytes([old ^ (1 << bit)]))
    return Damage(f"bit {bit} of byte {byte} flips", name, change, is_last)


def cut(name, size):
    return Damage(f"ends at byte {size}", name, lambda path: os.truncate(path, size))


def never_written(name, begin, end):
    """A write of [begin, end) of which only the beginning reached the disk."""
    def change(path):
        with open(path, "r+b") as file:
            file.seek(begin)
            file.write(bytes(end - begin))
    return Damage(f"bytes {begin} to {end} were never written", name, change, is_last=True)


def remove(name):
    return Damage("is gone", name, os.unlink)


class Data:
    """A data directory after some work and kill -9: a store, and a journal with frames that the store does not have.

    After an orderly stop in between, the store's own file has all pages. Otherwise many are only in its log."""

    def __init__(self, treadle, directory, stops_orderly):
        self.data, self.books = os.path.join(directory, "data"), os.path.join(directory, "books")
        os.makedirs(self.books)
        for seed in (7, 8):  # the second life trims what only the first one wrote, so that only the store has it
            server = Server(treadle, self.data, free_port(), OPTIONS)
            server.start()
            server.wait_ready()
            set_policies(server)
            assert Workload(server, self.books, seed).run() and sees_its_store_follow(server, self.books)
            server.stop() if stops_orderly else server.kill()
        quiet = Server(treadle, self.data, free_port(), ("--checkpoint-interval", "10m", "--disk-reserve", "0"))
        quiet.start()
        quiet.wait_ready()
        work = Workload(quiet, self.books)
        for _ in range(LAST_TASKS):
            task = {"type": "hello", "payload": {"key": f"last-{work.producer.number}"}, "max_attempts": 9,
                    "idempotency_key": f"last-{work.producer.number}"}
            work.producer.number += 1
            work.producer.ask([task])
        quiet.kill()
        self.last = max(Facts(self.books).acknowledged(), key=lambda task: int(task.split("-")[1]))
        names = os.listdir(os.path.join(self.data, "journal"))
        self.segments = sorted(name for name in names if name.endswith(".seg"))
        assert self.segments[0] != "00000000000000000001.seg", "nothing was trimmed"

    def size(self, name):
        return os.path.getsize(os.path.join(self.data, name))

    def frames(self, segment):
        """Where each frame of a segment begins and ends."""
        with open(os.path.join(self.data, "journal", segment), "rb") as file:
            content = file.read()
        incarnation, at, found = content[24:32], HEADER_BYTES, []
        while content[at:at + 4] == b"TFRM" and content[at + 16:at + 24] == incarnation:
            length = FRAME.unpack_from(content, at)[1]
            found.append((at, at + FRAME_HEADER_BYTES + length))
            at += -(-(FRAME_HEADER_BYTES + length) // 8) * 8
        return found

    def damages_of_the_store(self, rng):
        size = self.size("store.db")
        with open(os.path.join(self.data, "store.db"), "rb") as file:
            in_use = [at for at, byte in enumerate(file.read()) if byte]  # most of a small store is empty
        flips = [flip("store.db", byte, rng.randrange(8)) for byte in sorted(rng.sample(in_use, 3000))]
        for damage in flips:
            damage.may_be_told_later = True
        return {
            "store": flips,
            "a store that ends early": [cut("store.db", end) for end in range(0, size, 512)],
        }

    def damages(self, rng):
        """The damages by kind. Each list is sorted by place."""
        segment = "journal/" + self.segments[-1]
        frames = self.frames(self.segments[-1])
        assert len(frames) >= LAST_TASKS, frames
        begin, end = frames[-1]
        earlier = range(frames[0][0], frames[-2][1])
        kinds = {
            "header of a segment": [flip(segment, byte, rng.randrange(8)) for byte in range(HEADER_BYTES)],
            "frames": [flip(segment, byte, rng.randrange(8)) for byte in earlier if not self.is_padding(frames, byte)],
            "the last frame": [flip(segment, byte, rng.randrange(8), is_last=True) for byte in range(begin, end)],
            "a torn end": [never_written(segment, byte, end) for byte in range(begin, end - 1)],
            "a journal that ends early": [cut(segment, size) for size in range(frames[-3][0], end)],
            "a store that is gone": [remove("store.db")],
            "the marker": [flip("treadle.data", byte, rng.randrange(8)) for byte in range(self.size("treadle.data"))],
        }
        log = self.size("store.db-wal")
        kinds["log of the store"] = [flip("store.db-wal", rng.randrange(log), rng.randrange(8)) for _ in range(1000)]
        return kinds

    @staticmethod
    def is_padding(frames, byte):
        """Padding is neither read nor covered by the checksum."""
        return not any(begin <= byte < end for begin, end in frames)


class DamageRun:
    def __init__(self, treadle, seed, jobs=2, keep=False):
        self.treadle, self.seed, self.jobs, self.keep = treadle, seed, jobs, keep
        self.directory = tempfile.mkdtemp(prefix="treadle-damage-")
        self.failures, self.lock = [], threading.Lock()

    def run(self, count):
        """Runs about `count` cases of all kinds, or all with 0. Returns the report."""
        rng = random.Random(self.seed)
        killed = Data(self.treadle, os.path.join(self.directory, "killed"), stops_orderly=False)
        stopped = Data(self.treadle, os.path.join(self.directory, "stopped"), stops_orderly=True)
        kinds = {kind: (data, damages) for data, found in ((killed, killed.damages(rng)),
                                                            (stopped, stopped.damages_of_the_store(rng)))
                 for kind, damages in found.items()}
        cases = [(kind, data, damage) for kind, (data, damages) in kinds.items()
                 for damage in (spread(damages, -(-count // len(kinds))) if count else damages)]
        with ThreadPoolExecutor(self.jobs) as pool:
            ends = list(pool.map(lambda case: self.one(*case), cases))
        report = {kind: {end: sum(1 for (other, *_), e in zip(cases, ends) if other == kind and e == end)
                         for end in sorted(set(ends))} for kind in kinds}
        if not self.failures and not self.keep:
            shutil.rmtree(self.directory)
        return {"cases": len(cases), "wrong": len(self.failures), "kinds": report, "seed": self.seed}

    def one(self, kind, data, damage):
        """Returns the outcome in a word."""
        place = tempfile.mkdtemp(dir=self.directory, prefix="case-")
        for path in (data.data, data.books):
            subprocess.run(["cp", "-r", "--sparse=always", path, place], check=True)
        damage.change(os.path.join(place, "data", damage.name))
        server = Server(self.treadle, os.path.join(place, "data"), free_port(), OPTIONS)
        end, wrong = self.start(server, os.path.join(place, "books"), data, damage)
        if wrong:
            with self.lock:
                self.failures.append((damage, wrong))
            print(f"{kind}: {damage}: {'; '.join(wrong)}; kept in {place}", file=sys.stderr)
        else:
            shutil.rmtree(place)
        return end

    def start(self, server, books, data, damage):
        server.start()
        try:
            server.wait_ready(ENDS_WITHIN_S)
            found = work_in_peace(server, books)
            status = server.stop()
            wrong = self.judge(found, data, damage)
            if wrong and damage.may_be_told_later and any("payload_damaged" in what for what in wrong):
                return "told", []
            # A history row with a flipped key belongs to no task. Only data check notices it (docs/reliability.md).
            if damage.may_be_told_later and wrong and all(what.startswith("what_an_attempt_saved") for what in wrong):
                return "a step is lost", []
            wrong += [f"in peace the server ended with {status}"] if status else []
            return "wrong" if wrong else "opened", wrong
        except (Damaged, AssertionError) as told:
            return ("told", []) if damage.may_be_told_later else ("wrong", [str(told)])
        except Unready:
            wrong = self.judge_refusal(server, damage)
            return "wrong" if wrong else "refused", wrong
        except Gone:
            wrong = self.judge_refusal(server, damage)
            return "wrong" if wrong else "stopped", wrong
        finally:
            if not server.has_ended():
                server.kill()

    @staticmethod
    def judge_refusal(server, damage):
        if not server.has_ended():
            return [f"it was not ready in {ENDS_WITHIN_S} s, and did not end"]
        if server.process.returncode <= 0:
            return [f"the server ended with {server.process.returncode}: {server.last_words()}"]
        # The marker holds the format's version, so a flipped bit may give another version.
        clear = (os.path.basename(damage.name), "treadle data check", "made by a newer Treadle")
        if not any(words in server.last_words() for words in clear):
            return [f"the error does not name the file: {server.last_words()}"]
        return ["the server rejected what looks like a torn end: " + server.last_words()] if damage.is_last else []

    @staticmethod
    def judge(found, data, damage):
        lost = found.pop("no_acknowledged_task_is_lost", [])
        if damage.is_last:  # the exception: what only that frame recorded
            lost = [what for what in lost if not what.startswith(data.last + " ")]
            found.pop("the_numbers_are_those_of_the_outside", None)
        return lost[:3] + [f"{rule}: {what}" for rule, breaches in found.items() for what in breaches[:3]]


def main_of(arguments):
    run = DamageRun(arguments.treadle, arguments.seed, arguments.jobs, arguments.keep)
    report = run.run(0 if arguments.every else arguments.cases)
    print(json.dumps(report) if arguments.json else "\n".join(f"{name:10} {value}" for name, value in report.items()))
    return 1 if report["wrong"] else 0
