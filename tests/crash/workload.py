"""A short fixed workload with nearly the same disk operations each time, so that each of them can be made to go
wrong.

It uses the clients of the crash test one after the other, and so writes the same notebooks. It stops early when the
server is gone, and gives up on a rejected request after REFUSED_S.
"""

import os
import time

import checker
import peace
from api import Api, now
from by_hand import Operator
from facts import Facts
from producer import Producer
from worker import Worker

PATIENCE_S = 20  # for the whole workload, which takes less than a second
PEACE_S = 120  # for all the remaining work, even on a busy machine
REFUSED_S = 0.3
SLOWNESS = 0.05  # factor for delays and deadlines, so that peace does not take long
LEASE_MS = 1000  # the minimum
BIG = 12  # MiB per batch; three batches do not fit into a segment of the journal


class Stuck(Exception):
    """The server neither answers nor ends."""


class Workload:
    def __init__(self, server, books, seed=7):
        self.server, self.books, self.began = server, books, now()
        self.until = float("inf")
        self.api = Api(server.port, timeout_s=PATIENCE_S / 2)
        self.producer = Producer(server.port, self.book("p0"), "p0", seed, self.goes_on)
        self.worker = Worker(server.port, self.book("w0"), "w0", seed, self.goes_on, busy_s=(0,))
        self.operator = Operator(server.port, self.book("operator"), [self.book("p0")], seed, self.goes_on)
        self.producer.remember()
        self.producer.slowness = SLOWNESS
        for client in (self.producer, self.worker, self.operator):
            client.api.timeout_s = PATIENCE_S / 2

    def book(self, name):
        return os.path.join(self.books, name + ".history")

    def goes_on(self):
        if now() > self.began + PATIENCE_S and not self.server.has_ended():
            raise Stuck(f"the server neither answered nor ended for {PATIENCE_S} s")
        return not self.server.has_ended() and now() < self.until

    def run(self):
        """True if all of it was done."""
        self.began = now()
        for step in self.steps():
            if not self.goes_on():
                return False
            step()
        return not self.server.has_ended()

    def steps(self):
        for _ in range(3):
            yield from (self.enqueue, self.lease, self.save, self.report, self.command, self.enqueue, self.checkpoint,
                        self.pause, self.lease, self.report, self.command, self.wait_for_a_timer)

    def enqueue(self):
        self.patiently(lambda: self.producer.ask([self.producer.make_task() for _ in range(4)], goes_on=self.goes_on))
        if self.goes_on():
            self.producer.ask_unique()

    def patiently(self, ask):
        """Repeats a rejected request, but not for long: a broken disk stays broken."""
        self.until = now() + REFUSED_S
        ask()
        self.until = float("inf")

    def lease(self):
        self.worker.exchange(0)

    def save(self):
        for token in list(self.worker.held)[:2]:
            self.worker.save(token)

    def report(self):
        self.worker.work()
        self.worker.exchange(0)

    def command(self):
        self.operator.learn()
        for _ in range(3):
            if self.operator.tasks and self.goes_on():
                self.operator.act(self.operator.choose())

    def pause(self):
        for action in ("pause", "resume"):
            if self.goes_on():
                self.operator.set_paused("mails", action)

    def checkpoint(self):
        """A list request forces a checkpoint."""
        self.api.call("GET", "/v1/tasks?limit=1")

    def wait_for_a_timer(self):
        """A delayed task must become due by itself."""
        task = {"type": "timer", "payload": {"key": "t"}, "delay_ms": 30, "max_attempts": 100,
                "idempotency_key": f"timer-{now()}"}
        before = len(self.producer.old)
        self.patiently(lambda: self.producer.ask([task], goes_on=self.goes_on))
        if len(self.producer.old) == before:
            return  # not accepted
        types, self.worker.types = self.worker.types, ["timer"]
        while self.goes_on() and not self.worker.held:
            self.worker.exchange(500)
        self.worker.types = types
        self.report()


class BigWorkload(Workload):
    """Three large batches, so that the journal starts another segment."""

    def steps(self):
        return [self.enqueue_big, self.enqueue_big, self.enqueue_big, self.checkpoint, self.enqueue, self.lease]

    def enqueue_big(self):
        tasks = [{**self.producer.make_task(), "queue": "default", "payload": {"fill": "x" * 1_000_000}}
                 for _ in range(BIG)]
        self.patiently(lambda: self.producer.ask(tasks, goes_on=self.goes_on))


def work_in_peace(server, books, seed=1):
    """Runs after a restart: repeats unfinished requests, brings everything to its end, and runs the checker. Returns
    the breaches."""
    def is_there():
        return not server.has_ended()

    producer = Producer(server.port, os.path.join(books, "p0.history"), "p0", seed, lambda: True)
    producer.api.is_there = is_there
    unanswered = producer.remember()
    if unanswered:
        producer.ask(unanswered, is_first=False)
    worker = Worker(server.port, os.path.join(books, "w0.history"), "w0", seed, lambda: True)
    worker.capacity, worker.api.is_there = 0, is_there
    worker.take_up_old_tokens(share=1)  # otherwise they would have to expire first
    worker.exchange(0)
    drained = peace.drain(server.port, os.path.join(books, "peace.history"), producer.rng, PEACE_S,
                          types=(*peace.TYPES, "timer"), is_there=is_there)
    accepted = Facts(books).acknowledged()
    peace.look_at_everything(server.port, os.path.join(books, "end.history"), accepted, is_there)
    _, breaches = checker.check(books)
    if not drained:
        breaches["all_comes_to_an_end"] = [f"something still waited after {PEACE_S} s of peace"]
    return breaches


def sees_its_store_follow(server, books, seconds=10):
    """Whether acknowledged tasks reach the store by themselves, so checkpoints have not silently stopped."""
    newest = max(Facts(books).acknowledged(), key=lambda task: int(task.split("-")[1]), default=None)
    api, end = Api(server.port), time.monotonic() + seconds
    while newest and time.monotonic() < end and not server.has_ended():
        answer = api.call("GET", "/v1/tasks?limit=1000")
        if answer and answer[0] == 200 and newest in {task["id"] for task in answer[1]["tasks"]}:
            return True
        time.sleep(0.02)
    return newest is None or server.has_ended()
