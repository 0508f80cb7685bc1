"""Producers and workers that continue whatever the server answers, and record only those answers."""

import random
import threading
import time
from collections import Counter

from treadle import Http, Worker

WAITING = ("ready", "running", "retrying")  # a lease may have ended with the load
KEPT = {"retention": {"completed_tasks": 10_000_000, "completed_bytes": 1 << 40}, "lease_ms": 3_000}


class Load:
    """Runs inside its `with` block, against a server that may stop and come back on its port."""

    def __init__(self, port, seed, producers=3, workers=3, payload_bytes=20_000, priority_min=0):
        self.port, self.payload_bytes, self.priority_min = port, payload_bytes, priority_min
        self.lock, self.stopping = threading.Lock(), threading.Event()
        self.accepted, self.completed, self.rerun = {}, set(), []  # key -> id; ids
        self.refusals, self.failures = Counter(), []
        rng = random.Random(seed)
        self.threads = [threading.Thread(target=self._guard, args=(self._produce, i, random.Random(rng.random())))
                        for i in range(producers)]
        self.threads += [threading.Thread(target=self._guard, args=(self._work, i, random.Random(rng.random())))
                         for i in range(workers)]

    def __enter__(self):
        for each in self.threads:
            each.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for each in self.threads:
            each.join()
        assert not self.failures, self.failures

    def counts(self):
        with self.lock:
            return len(self.accepted), len(self.completed)

    def _guard(self, run, *args):
        try:
            run(*args)
        except Exception as failure:  # otherwise the test would pass without this thread
            self.failures.append(repr(failure))

    def _ask(self, path, body):
        """Repeats the request until it succeeds. None if the load ends first."""
        http, pause_s = Http(self.port), 0.01
        while not self.stopping.is_set():
            try:
                answer = http.post(path, body, timeout=20)
            except OSError:
                answer = None
            if answer is not None and answer.status in (200, 201):
                return answer.json
            if answer is not None:
                assert answer.status in (429, 503), answer
                with self.lock:
                    self.refusals[path, answer.code] += 1
            self.stopping.wait(pause_s)
            pause_s = min(0.2, pause_s * 2)
        return None

    def _produce(self, number, rng):
        count = 0
        while not self.stopping.is_set():
            tasks = [{"type": "t", "payload": "x" * rng.randrange(self.payload_bytes),
                      "priority": rng.randrange(self.priority_min, 10), "idempotency_key": f"{number}-{count + i}"} for i in range(10)]
            count += len(tasks)
            answer = self._ask("/v1/tasks/batch", {"tasks": tasks})
            for task, told in zip(tasks, answer["tasks"] if answer else ()):
                with self.lock:
                    assert self.accepted.setdefault(task["idempotency_key"], told["id"]) == told["id"]

    def _work(self, number, rng):
        worker, reports = Worker(None, name=f"w{number}"), []
        while not self.stopping.is_set():
            answer = self._ask("/v1/exchange", worker.request(want=5, wait_ms=500, reports=reports))
            if answer is None:
                return
            with self.lock:
                self.completed.update(told["token"].split(".")[0] for told in answer["reports"] if told["code"] == "OK")
                self.rerun += [lease["id"] for lease in answer["leases"] if lease["id"] in self.completed]
            reports = [{"token": lease["token"], "outcome": "completed", "result": rng.random()}
                       for lease in answer["leases"]]

    def check(self, server):
        """Everything acknowledged is there, and everything completed stays completed."""
        assert not self.rerun
        for key, id in self.accepted.items():
            state = server.task(id)["state"]
            assert state == "completed" or id not in self.completed and state in WAITING, (key, id, state)


def a_seed():
    """A new random seed, printed."""
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}, {time.strftime('%H:%M:%S')}")
    return seed
