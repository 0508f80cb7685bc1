"""Rounds of crashes: a server under load from client processes is killed again and again, and so are the clients."""

import os
import random
import shutil
import sys
import tempfile
import time

import checker
from api import Api, free_port
from clients import Clients
from facts import Facts
from peace import drain, look_at_everything
from producer import QUEUES
from server import Server

LEASE_MS = 2000
# Retention keeps everything, so that the checker can ask for all of it. Leases are short, so that lost ones expire
# soon, and no task is given up because workers died with it.
POLICY = {"retention": {"completed_tasks": 10_000_000, "completed_bytes": 1 << 40}, "lease_ms": LEASE_MS,
          "max_worker_losses": 1000, "cancel_grace_ms": 1000,
          "retry": {"backoff_base_ms": 20, "backoff_cap_ms": 500}}
OPTIONS = ("--checkpoint-interval", "200ms", "--checkpoint-after", "1MiB", "--disk-reserve", "0")


class Rounds:
    """One run. `disk` loses unsynced writes when the server dies; None: nothing is lost."""

    def __init__(self, treadle, seed, disk=None, progress=lambda text: None):
        self.rng, self.seed, self.disk, self.progress = random.Random(seed), seed, disk, progress
        self.directory = tempfile.mkdtemp(prefix="treadle-crash-")
        self.books = os.path.join(self.directory, "books")
        os.mkdir(self.books)
        self.port = free_port()
        data = os.path.join(self.directory, "data")
        environment = disk.prepare(data, os.path.join(self.directory, "disk")) if disk else {}
        self.server = Server(treadle, data, self.port, OPTIONS, environment)
        self.clients = Clients(self.port, self.books, self.rng)

    def crash(self):
        """Kills the server. A lossy disk then loses what was not synced."""
        self.server.kill()
        if self.disk:
            self.disk.cut_power(self.rng)

    def begin(self):
        self.server.start()
        self.server.wait_ready()
        for queue in QUEUES:
            answer = Api(self.port).call("PUT", f"/v1/queues/{queue}", POLICY)
            assert answer and answer[0] == 200, answer
        self.crash()
        self.clients.start()

    def rounds(self, count, lies):
        environment = {"TREADLE_DISK_LIES": "1"} if lies else {}
        for number in range(count):
            self.server.start(**environment)
            if number % 4 == 3:  # while it recovers
                time.sleep(self.rng.uniform(0, 0.05))
            else:
                self.server.wait_ready()
                time.sleep(self.rng.uniform(0.05, 1.2))  # long enough for checkpoints
            self.clients.trouble(LEASE_MS / 1000)
            self.crash()
            self.progress(f"round {number + 1}")

    def end_in_peace(self):
        self.server.start()
        self.server.wait_ready()
        healthy = self.clients.end()
        drained = drain(self.port, os.path.join(self.books, "peace.history"), self.rng, 120)
        accepted = Facts(self.books).acknowledged()
        look_at_everything(self.port, os.path.join(self.books, "end.history"), accepted)
        return healthy, drained, self.server.stop()

    def run(self, count, lies=False):
        """Returns the report, and the breaches by rule."""
        began = time.monotonic()
        try:
            self.begin()
            self.rounds(count, lies)
            healthy, drained, status = self.end_in_peace()
        finally:
            self.clients.kill()
            if self.server.process and not self.server.has_ended():
                self.server.kill()
        facts, breaches = checker.check(self.books)
        if not drained:
            breaches["all_comes_to_an_end"] = ["something still waited after 120 s of peace"]
        if not healthy:
            breaches["clients_do_not_fail"] = ["a client process ended with an error; see above"]
        if status != 0:
            breaches["an_orderly_stop_has_status_0"] = [f"the server ended with status {status}"]
        report = {"rounds": count, "acknowledged": len(facts.acknowledged()),
                  "leases": sum(len(task.leases) for task in facts.tasks.values()),
                  "completed": sum(any(r["outcome"] == "completed" and code == "OK" for _, _, r, code in task.reported)
                                   for task in facts.tasks.values()),
                  "saved": sum(len(task.saved) for task in facts.tasks.values()),
                  "commands": sum(len(task.commanded) for task in facts.tasks.values()),
                  "clients_killed": self.clients.killed, "clients_stopped": self.clients.stopped,
                  **(self.disk.report() if self.disk else {}),
                  "seconds": round(time.monotonic() - began, 1),
                  "breaches": {rule: len(found) for rule, found in breaches.items()}, "seed": self.seed}
        return report, breaches

    def clean_up(self, breaches, keep=False):
        for rule, found in breaches.items():
            for what in found[:10]:
                print(f"{rule}: {what}", file=sys.stderr)
        if breaches or keep:
            print(f"data, histories and the server's log are kept in {self.directory}", file=sys.stderr)
        else:
            shutil.rmtree(self.directory)
