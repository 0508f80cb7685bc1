"""The mix of a soak: everything that clients do, at once and endlessly, next to the plain load.

It is a separate process, so that it takes no time from the measurement. It starts at once. When its standard input
ends, it stops creating work, works until nothing waits, and prints the results as one JSON object:

  accepted, ended     tasks that the server accepted, and that it reported as ended
  lost                accepted tasks without a reported end that the server does not list as ended either
  operations          how often each kind of call succeeded; refusals and failures are separate

Usage: mix.py PORT SEED
"""

import json
import random
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from treadle import Http, Worker  # noqa: E402

WORK, STEERED, IDLE = "soak.work", "soak.steered", "soak.idle"
TYPES = ["t0", "t1", "t2", "t3"]
WORDS = "amber birch cedar delta ember flint grove heron iris jade kelp linen maple north ochre pearl".split()
POLICY = {"retry": {"backoff": "fixed", "backoff_base_ms": 200}, "retention": {"completed_tasks": 2_000},
          "idempotency_window_ms": 20_000, "lease_ms": 5_000, "search_payloads": True}
PEACE_S = 90


class Ledger:
    """What clients know about tasks. Ended tasks are dropped, so that it does not grow over time."""

    def __init__(self):
        self.lock = threading.Lock()
        self.accepted = self.ended = 0
        self.open, self.early = set(), set()  # early: the end was reported before the acceptance
        self.operations, self.refused, self.failures = Counter(), Counter(), []

    def accept(self, id):
        with self.lock:
            self.accepted += 1
            self.early.remove(id) if id in self.early else self.open.add(id)

    def end(self, id):
        with self.lock:
            self.ended += 1
            self.open.remove(id) if id in self.open else self.early.add(id)

    def count(self, operation):
        with self.lock:
            self.operations[operation] += 1

    def refuse(self, operation, code):
        with self.lock:
            self.refused[f"{operation} {code}"] += 1

    def fail(self, what):
        with self.lock:
            self.failures.append(what)


class Actor:
    """One thread that takes turns until it is stopped. A turn that raises counts as a failure, and the next one
    follows."""

    def __init__(self, mix, number, pause_s):
        self.http, self.ledger, self.stop = Http(mix.port), mix.ledger, mix.stop
        self.rng, self.number, self.pause_s = random.Random(f"{mix.seed} {type(self).__name__} {number}"), number, pause_s
        self.thread = threading.Thread(target=self.run, name=f"{type(self).__name__}-{number}")

    def run(self):
        while not self.stop.is_set():
            try:
                self.turn()
            except Exception as failure:
                self.ledger.fail(f"{self.thread.name}: {failure!r}"[:500])
                self.stop.wait(1)
            self.stop.wait(self.pause_s)

    def call(self, operation, method, path, body=None, fine=()):
        """Returns the JSON of the answer. None for a status in `fine`, which counts as neither success nor
        failure."""
        answer = self.http.call(method, path, body)
        if answer.status < 300:
            self.ledger.count(operation)
            return answer.json if answer.content_type == "application/json" else answer.body
        self.ledger.refuse(operation, answer.code)
        assert answer.status in fine, (operation, answer)
        return None

    def words(self, n):
        return " ".join(self.rng.choice(WORDS) for _ in range(n))


class Producer(Actor):
    """Enqueues batches and single tasks with keys, repeated calls, delays, priorities and tags."""

    def task(self):
        task = {"type": self.rng.choice(TYPES), "queue": WORK, "priority": self.rng.randrange(10), "max_attempts": 4,
                "payload": {"text": self.words(self.rng.randrange(2, 60)), "n": self.rng.randrange(10**9)},
                "tags": [f"tag-{self.rng.randrange(20)}"]}
        if self.rng.random() < 0.5:
            task["idempotency_key"] = f"{self.rng.getrandbits(64):x}"
        if self.rng.random() < 0.1:
            task["delay_ms"] = self.rng.randrange(3_000)
        if self.rng.random() < 0.1:
            task["retry"] = {"backoff": "listed", "delays_ms": [100, 300], "max_attempts": 4}
        return task

    def turn(self):
        batch = [self.task() for _ in range(20)]
        for told in self.call("enqueue a batch", "POST", "/v1/tasks/batch", {"tasks": batch})["tasks"]:
            self.ledger.accept(told["id"])
        one = {**self.task(), "idempotency_key": f"{self.rng.getrandbits(64):x}"}
        id = self.call("enqueue", "POST", "/v1/tasks", one)["id"]
        self.ledger.accept(id)
        if self.rng.random() < 0.3:
            assert self.call("enqueue again", "POST", "/v1/tasks", one)["id"] == id
        if self.rng.random() < 0.3:
            self.call("wait for a task", "GET", f"/v1/tasks/{id}?wait=500ms", fine=(404,))


class MixWorker(Actor):
    """Leases, renews, saves, and ends attempts in every way. In peace it completes everything."""

    peace = threading.Event()

    def __init__(self, mix, number, pause_s):
        super().__init__(mix, number, pause_s)
        self.stop = mix.workers_stop
        self.worker = Worker(self.http, types=TYPES, queues=[WORK, STEERED], name=f"mix-{number}")
        self.reports, self.held = [], {}  # token -> exchanges for which it is still renewed

    def turn(self):
        reports, self.reports = self.reports, []
        if not self.peace.is_set():
            self.held = {token: left - 1 for token, left in self.held.items()}
        done = [token for token, left in self.held.items() if left <= 0 or self.peace.is_set()]
        for token in done:
            del self.held[token]
        reports += [{"token": token, "outcome": "completed"} for token in done]
        answer = self.call("exchange", "POST", "/v1/exchange", self.worker.request(
            want=40, wait_ms=300, renew=list(self.held), reports=reports))
        for report, told in zip(reports, answer["reports"]):
            self.ledger.count(f"report {report['outcome']}" if told["code"] == "OK" else f"report is {told['code']}")
            if told["code"] == "OK" and report["outcome"] == "completed":
                self.ledger.end(report["token"].split(".")[0])
        for token in answer.get("lost", ()):
            self.held.pop(token, None)
        for lease in answer["leases"]:
            self.work(lease)

    def work(self, lease):
        token, draw = lease["token"], 0 if self.peace.is_set() else self.rng.random()
        if draw < 0.6:
            report = {"outcome": "completed", "result": {"text": self.words(5)}}
        elif draw < 0.75:
            report = {"outcome": "failed", "error": {"code": "flaky", "message": f"try {draw} of {self.words(3)}"}}
        elif draw < 0.79:
            report = {"outcome": "failed", "retry": False, "error": {"code": "broken", "message": self.words(4)}}
        elif draw < 0.82:
            report = {"outcome": "released"}
        elif draw < 0.85:
            report = {"outcome": "snoozed", "delay_ms": 300}
        elif draw < 0.95:
            self.save(token)
            report = {"outcome": "completed"}
        else:
            self.held[token] = self.rng.randrange(2, 8)
            self.ledger.count("renewed for a while")
            return
        self.reports.append({"token": token, **report})

    def save(self, token):
        self.call("save", "POST", f"/v1/attempts/{token}", {
            "steps": [{"name": f"step-{i}", "result": self.words(6)} for i in range(3)],
            "checkpoint": {"data": self.words(20)}, "progress": {"fraction": 0.5, "message": "half"},
            "log": {"offset": 0, "text": self.words(40)}}, fine=(409,))


class Parked(Actor):
    """Workers that never get a task."""

    def turn(self):
        if self.number % 2 or not hasattr(self, "worker"):  # half of them start a new life each time
            self.worker = Worker(self.http, types=["none"], queues=[IDLE], name=f"parked-{self.number}")
        self.call("long poll", "POST", "/v1/exchange", self.worker.request(want=1, wait_ms=2_000))


class Operator(Actor):
    """Lists, searches, explains, edits, runs tasks early, redrives, pauses."""

    def __init__(self, mix, number, pause_s):
        super().__init__(mix, number, pause_s)
        self.to_be_cancelled, self.turns = [], 0

    def turn(self):
        self.turns += 1
        self.look()
        self.steer()
        self.cancel()
        if self.turns % 10 == 0:
            self.redrive()
            self.pause()

    def list(self, operation, query):
        return self.call(operation, "GET", f"/v1/tasks?limit=50&{query}")["tasks"]

    def look(self):
        tasks = self.list("list a queue", f"queue={WORK}")
        self.list("list by state", f"queue={WORK}&state=completed&type={self.rng.choice(TYPES)}")
        self.list("search by tag", f"tag=tag-{self.rng.randrange(20)}")
        self.list("search errors", f"error_code={self.rng.choice(['flaky', 'broken'])}")
        self.list("search payloads", f"queue={WORK}&payload_text={self.rng.choice(WORDS)}")
        if tasks:
            id = self.rng.choice(tasks)["id"]
            for part in ("", "/explain", "/attempts", "/log", "/payload"):
                self.call(f"get a task{part}", "GET", f"/v1/tasks/{id}{part}", fine=(404,))
        for path in ("/v1/queues", f"/v1/queues/{WORK}", "/metrics", "/v1/info", "/v1/types"):
            self.call(f"get {path.rsplit('/', 1)[1]}", "GET", path)

    def own(self):
        id = self.call("enqueue for later", "POST", "/v1/tasks", {
            "type": self.rng.choice(TYPES), "queue": STEERED, "delay_ms": 10**8, "payload": self.words(3)})["id"]
        self.ledger.accept(id)
        return id

    def steer(self):
        id = self.own()
        self.call("edit", "PATCH", f"/v1/tasks/{id}", {"payload": self.words(8), "priority": 9})
        self.call("run now", "POST", f"/v1/tasks/{id}/run-now")
        id = self.own()
        self.call("cancel", "POST", f"/v1/tasks/{id}/cancel", {"reason": "enough"})
        self.ledger.end(id)
        id = self.own()
        self.call("delete", "DELETE", f"/v1/tasks/{id}")
        self.ledger.end(id)
        id = self.own()
        self.call("cancel", "POST", f"/v1/tasks/{id}/cancel", {"reason": "no, yet"})
        self.call("redrive", "POST", f"/v1/tasks/{id}/redrive")

    def cancel(self):
        """Cancels running tasks. Their workers learn of it, but may still complete them."""
        for task in self.list("list what runs", f"queue={WORK}&state=running")[:2]:
            if self.call("cancel what runs", "POST", f"/v1/tasks/{task['id']}/cancel", {"reason": "late"}, fine=(404, 409)):
                self.to_be_cancelled.append(task["id"])
        self.see_cancelled()

    def see_cancelled(self):
        left = []
        for id in self.to_be_cancelled:
            task = self.call("see what is cancelled", "GET", f"/v1/tasks/{id}")
            if task["state"] == "cancelled":
                self.ledger.end(id)
            elif task["state"] != "completed":
                left.append(id)
        self.to_be_cancelled = left

    def redrive(self):
        for task in self.list("list dead letters", f"queue={WORK}&state=dead")[:3]:
            self.call("redrive", "POST", f"/v1/tasks/{task['id']}/redrive", fine=(404, 409))
        self.redrive_all()

    def redrive_all(self):
        for queue in (WORK, STEERED):
            self.call("redrive in bulk", "POST", f"/v1/bulk?queue={queue}&state=dead", {"action": "redrive"}, fine=(429,))

    def pause(self):
        self.call("pause", "POST", f"/v1/queues/{STEERED}/pause")
        self.steer()
        self.call("resume", "POST", f"/v1/queues/{STEERED}/resume")
        self.call("put a policy", "PUT", f"/v1/queues/{STEERED}", {"retention": {"completed_tasks": 500}})


class Mix:
    def __init__(self, port, seed):
        self.port, self.seed, self.ledger = port, seed, Ledger()
        self.stop, self.workers_stop = threading.Event(), threading.Event()
        http = Http(port)
        for queue in (WORK, STEERED, IDLE):
            assert http.call("PUT", f"/v1/queues/{queue}", POLICY).status < 300
        self.operators = [Operator(self, 0, 0.2)]
        self.others = [Producer(self, i, 0.1) for i in range(2)] + [Parked(self, i, 0) for i in range(6)]
        self.workers = [MixWorker(self, i, 0) for i in range(2)]

    def run(self):
        for actor in self.operators + self.others + self.workers:
            actor.thread.start()
        sys.stdin.read()
        self.stop.set()
        for actor in self.operators + self.others:
            actor.thread.join()
        is_empty = self.work_in_peace()
        self.workers_stop.set()
        for actor in self.workers:
            actor.thread.join()
        return {**self.report(), "nothing_waits": is_empty}

    def work_in_peace(self):
        MixWorker.peace.set()
        operator, end = self.operators[0], time.monotonic() + PEACE_S
        while time.monotonic() < end:
            operator.redrive_all()
            operator.see_cancelled()
            queues = [operator.http.queue(name)["tasks"] for name in (WORK, STEERED)]
            waiting = sum(tasks[state] for tasks in queues for state in ("scheduled", "ready", "running", "retrying", "dead"))
            if waiting == 0 and not operator.to_be_cancelled and not any(worker.reports or worker.held for worker in self.workers):
                return True
            self.workers_stop.wait(0.2)  # before the next look
        return False

    def report(self):
        ledger, lost = self.ledger, []
        for id in ledger.open | ledger.early:
            answer = self.operators[0].http.get(f"/v1/tasks/{id}")
            lost.append({"id": id, "state": answer.json["state"] if answer.status == 200 else answer.code})
        return {"accepted": ledger.accepted, "ended": ledger.ended, "lost": len(lost), "examples": lost[:10],
                "operations": dict(sorted(ledger.operations.items())), "refused": dict(sorted(ledger.refused.items())),
                "failed": len(ledger.failures), "failures": ledger.failures[:10]}


if __name__ == "__main__":
    print(json.dumps(Mix(int(sys.argv[1]), int(sys.argv[2])).run()))
