"""Makes every disk operation of a short workload go wrong once: the server dies at it, or it fails.

First the workload runs without faults, and the layer (disk/) numbers what the server does to its files. Then it runs
again for each number, on a copy of the same data, and at that operation

  dies, dies-half   the server is killed before it, or after half of it; the seed decides which unsynced writes vanish
  EIO, ENOSPC       it fails once
  short             half of a write is done
  EIO-often         it fails, and so does every 5th operation after it

Afterwards the server starts without faults. It must open, and the checker must find everything that was acknowledged.
Until then, a server with a failing disk must either keep running and answer correctly, or exit with a nonzero status
and a message that names the file. It must never hang, lose a timer, or silently stop making checkpoints.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

import power_cut
from api import Api, Gone, free_port
from producer import QUEUES
from rounds import POLICY
from server import Server, Unready
from workload import LEASE_MS, BigWorkload, Stuck, Workload, sees_its_store_follow, work_in_peace

OPTIONS = ("--checkpoint-interval", "100ms", "--checkpoint-after", "1MiB", "--disk-reserve", "0")
DEATHS = ("dies", "dies-half")
FAILURES = ("EIO", "ENOSPC", "short", "EIO-often")
ENDS_WITHIN_S = 15
SYNCS = ("sync", "sync-directory")


class Scenario:
    """The initial data, the workload, and the operations that count."""

    def __init__(self, name, begins_with_data, workload, only=""):
        self.name, self.begins_with_data, self.workload, self.only = name, begins_with_data, workload, only


SCENARIOS = (Scenario("new directory", False, Workload), Scenario("after a crash", True, Workload),
             Scenario("next segment", True, BigWorkload, only="journal/"))


class Case:
    """One run of a scenario, with one operation that goes wrong."""

    def __init__(self, scenario, mode, number, operation, seed):
        self.scenario, self.mode, self.number, self.operation, self.seed = scenario, mode, number, operation, seed

    def __str__(self):
        return f"{self.scenario.name}: {self.mode} at {self.number} ({self.operation}), seed {self.seed}"

    def settings(self):
        if self.mode in DEATHS:
            return {"DIE_AT": self.number, **({"DIE_HALF": 1} if self.mode == "dies-half" else {})}
        error, often = self.mode.partition("-")[::2]
        return {"FAIL_AT": self.number, "ERROR": error, **({"FAIL_EVERY": 5} if often else {})}


class Bench:
    """The place for one run at a time: a data directory, notebooks, and the layer's files."""

    def __init__(self, treadle, layer, directory, template):
        self.treadle, self.layer, self.directory, self.template = treadle, layer, directory, template
        self.data = os.path.join(directory, "data")
        self.books, self.undo = os.path.join(directory, "books"), os.path.join(directory, "undo")
        self.trace = os.path.join(directory, "trace")

    def set_up(self, scenario, settings):
        shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(os.path.join(self.undo, "files"))
        if scenario.begins_with_data:
            for name in ("data", "books"):
                subprocess.run(["cp", "-r", "--sparse=always", os.path.join(self.template, name),
                                os.path.join(self.directory, name)], check=True)
        else:
            os.mkdir(self.books)
        environment = {"DIRECTORY": self.data, "UNDO": self.undo, "TRACE": self.trace, "ONLY": scenario.only}
        environment |= settings
        return Server(self.treadle, self.data, free_port(), OPTIONS,
                      {"LD_PRELOAD": self.layer, **{f"TREADLE_DISK_{k}": str(v) for k, v in environment.items()}})

    def run(self, scenario, settings, seed):
        """Runs with faults, then without. Returns what was wrong, the operations, and whether the server stopped by
        itself."""
        server = self.set_up(scenario, settings)
        server.log_path = self.faults_log = self.data + ".faults.log"
        wrong = run_with_faults(server, scenario, self.books, "FAIL_EVERY" not in settings)
        more, stopped = end_with_faults(server, self)
        wrong += more
        operations = self.operations()
        if os.path.exists(os.path.join(self.undo, "log")):
            power_cut.cut(self.data, self.undo, seed, takes_all=seed % 3 == 0)
        server.environment, server.log_path = {}, self.data + ".log"
        wrong += run_in_peace(server, self.books)
        return wrong, operations, stopped

    def operations(self):
        """The operations of the run so far, in order: kind and name."""
        if not os.path.exists(self.trace):
            return []
        with open(self.trace, encoding="utf-8") as file:
            return [line.rstrip("\n").partition(" ")[2] for line in file]

    def words(self):
        """The lines that the server wrote while faults were active."""
        with open(self.faults_log, encoding="utf-8", errors="replace") as file:
            return file.read().strip().splitlines() or [""]


def set_policies(server):
    for queue in QUEUES:
        Api(server.port).call("PUT", f"/v1/queues/{queue}", {**POLICY, "lease_ms": LEASE_MS})


def run_with_faults(server, scenario, books, goes_well_again):
    """Returns what was wrong."""
    wrong = []
    server.start()
    try:
        server.wait_ready(ENDS_WITHIN_S)
        set_policies(server)
        done = scenario.workload(server, books).run()
        if done and goes_well_again and not sees_its_store_follow(server, books):
            wrong.append("what was acknowledged does not come to the store")
    except Unready:
        if not server.has_ended():
            wrong.append(f"it was not ready in {ENDS_WITHIN_S} s, and did not end")
    except Stuck as stuck:
        wrong.append(str(stuck))
    return wrong


def end_with_faults(server, bench):
    """Stops the server in an orderly way if it still runs. Returns what was wrong, and the exit status if the server
    stopped by itself.

    It may be about to stop by itself when it gets the signal. Then its status is not 0."""
    bench.operations_at_work = len(bench.operations())
    try:
        status = server.process.returncode if server.has_ended() else server.stop(ENDS_WITHIN_S) or None
        return [], status
    except subprocess.TimeoutExpired:
        server.kill()
        return [f"it did not end in {ENDS_WITHIN_S} s when asked to"], None


def run_in_peace(server, books):
    server.start()
    try:
        server.wait_ready(ENDS_WITHIN_S)
        found = work_in_peace(server, books)
        status = server.stop()
        return [f"{rule}: {what}" for rule, breaches in found.items() for what in breaches[:3]] + \
            ([f"in peace it ended with {status}"] if status else [])
    except (Unready, Gone) as unready:
        return [f"it does not open, or stay: {unready}: {server.last_words()}"]
    finally:
        if not server.has_ended():
            server.kill()


def judge_end(case, words, operations, stopped):
    """Judges how the server ended after a failure, if it ended by itself.

    `words`: the lines that it wrote. `operations`: the operations before it was asked to stop. After that SQLite only
    tidies up its log. No acknowledged data depends on that, and the log stays if it fails."""
    if case.mode in DEATHS:
        return [] if stopped in (None, -9) else [f"the server ended with {stopped}"]
    failed = operations[case.number - 1] if case.number <= len(operations) else None
    if failed is None:
        return []
    kind, _, name = failed.partition(" ")
    if stopped is None:
        before = operations[case.number - 2] if case.number > 1 else ""
        is_trouble = kind in SYNCS and case.mode != "short" and \
            not may_do_without(name, case.mode) and not is_sqlite_s_sync_of_a_name(failed, before) and \
            not any(BEGUN_WITHOUT_BALLAST in line for line in words)
        return [f"the server kept running although {failed} failed"] if is_trouble else []
    wrong = [] if stopped > 0 else [f"the server ended with {stopped}"]
    # SQLite names its database, whichever of its files failed.
    names = [os.path.basename(part).removesuffix("-wal").removesuffix("-journal") for part in name.split(" ")]
    if "often" not in case.mode and not any(part in words[-1] for part in names):
        wrong.append(f"{failed} failed, and its last words do not name the file: {words[-1]}")
    return wrong


def may_do_without(name, mode):
    """A full disk may also show in a sync. A spare or the ballast is then removed again; it was empty."""
    return mode.startswith("ENOSPC") and os.path.basename(name).startswith(("spare-", "ballast"))


# A start on a full disk makes room and starts over from the first byte. It rewrites everything in the journal, so
# nothing depends on the failed sync.
BEGUN_WITHOUT_BALLAST = "using the ballast file's space for this start"


def is_sqlite_s_sync_of_a_name(failed, before):
    """SQLite syncs the directory after the first sync of its log, and after the first sync of the journal with which it
    creates a store. It ignores an error of these syncs, and nothing depends on them. The log exists since the store was
    opened, and the server has synced the directory after that. While a store is created, nothing is acknowledged."""
    return failed == "sync-directory " and before in ("sync store.db-wal", "sync store.db-journal")


def make_template(treadle, directory):
    """Makes data from some work and a crash: tasks in many states, a store, and a journal to replay."""
    os.makedirs(os.path.join(directory, "books"))
    server = Server(treadle, os.path.join(directory, "data"), free_port(), OPTIONS)
    server.start()
    server.wait_ready()
    set_policies(server)
    assert Workload(server, os.path.join(directory, "books")).run()
    server.kill()


def spread(numbers, count):
    """About `count` of the numbers, from the first to the last."""
    if count >= len(numbers):
        return numbers
    return [numbers[i * (len(numbers) - 1) // max(count - 1, 1)] for i in range(count)]


def interesting(operations):
    """The numbers of operations, from 1. In a row of equal operations only the first and the last count."""
    return [i + 1 for i, operation in enumerate(operations)
            if i in (0, len(operations) - 1) or operations[i - 1] != operation or operations[i + 1] != operation]


class EveryWrite:
    def __init__(self, treadle, layer, seed, jobs=2, keep=False):
        self.treadle, self.layer, self.seed, self.jobs, self.keep = treadle, layer, seed, jobs, keep
        self.directory = tempfile.mkdtemp(prefix="treadle-every-write-")
        self.template = os.path.join(self.directory, "template")
        self.local = threading.local()
        self.failures = []

    def bench(self):
        """One bench per thread."""
        if not hasattr(self.local, "bench"):
            name = os.path.join(self.directory, f"bench-{threading.get_ident()}")
            self.local.bench = Bench(self.treadle, self.layer, name, self.template)
        return self.local.bench

    def record(self, scenario):
        wrong, operations, stopped = self.bench().run(scenario, {}, seed=1)
        assert not wrong and stopped is None and operations, (scenario.name, wrong, stopped)
        return operations

    def run_case(self, case):
        bench = self.bench()
        wrong, operations, stopped = bench.run(case.scenario, case.settings(), case.seed)
        wrong += judge_end(case, bench.words(), operations[:bench.operations_at_work], stopped)
        if wrong:
            kept = os.path.join(self.directory, f"failed-{len(self.failures)}")
            shutil.move(bench.directory, kept)
            self.failures.append((case, wrong, kept))
            print(f"{case}: {'; '.join(wrong)}; kept in {kept}", file=sys.stderr)
        return stopped

    def run(self, count, modes=DEATHS + FAILURES):
        """Runs `count` cases, or all with 0. Returns the report."""
        make_template(self.treadle, self.template)
        recorded = [(scenario, self.record(scenario)) for scenario in SCENARIOS]
        cases = self.choose(recorded, count, modes)
        with ThreadPoolExecutor(self.jobs) as pool:
            ends = list(pool.map(self.run_case, cases))
        if not self.failures and not self.keep:
            shutil.rmtree(self.directory)
        return {"operations": {scenario.name: len(operations) for scenario, operations in recorded},
                "cases": len(cases), "stopped_by_itself": sum(end is not None and end >= 0 for end in ends),
                "killed": sum(end == -9 for end in ends), "wrong": len(self.failures), "seed": self.seed}

    def choose(self, recorded, count, modes):
        rng = random.Random(self.seed)
        every = [(scenario, number, operations[number - 1]) for scenario, operations in recorded
                 for number in (interesting(operations) if count else range(1, len(operations) + 1))]
        if count:
            drawn = [modes[i % len(modes)] for i in range(count)]
            rng.shuffle(drawn)  # otherwise they would follow the alternation of writes and syncs
            chosen = list(zip(spread(every, count), drawn))
        else:
            chosen = [(place, mode) for place in every for mode in modes]
        return [Case(scenario, mode, number, operation, rng.getrandbits(32))
                for (scenario, number, operation), mode in chosen]


def main_of(arguments, layer):
    run = EveryWrite(arguments.treadle, layer, arguments.seed, arguments.jobs, arguments.keep)
    report = run.run(0 if arguments.every else arguments.cases)
    print(json.dumps(report) if arguments.json else "\n".join(f"{name:20} {value}" for name, value in report.items()))
    return 1 if report["wrong"] else 0
