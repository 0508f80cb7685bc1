"""A producer: enqueues batches with idempotency keys and repeats each batch until it is answered.

It may be killed at any moment. The next life of the same name reads the notebook and repeats the unfinished batch, as
a careful producer would.
"""

import random
import time

import notebook
from api import Api, now

QUEUES = ("default", "mails")
TYPES = ("hello", "resize")
ACCEPTED = (200, 201)


class Producer:
    def __init__(self, port, path, name, seed, goes_on):
        self.api, self.book, self.goes_on = Api(port), notebook.Notebook(path), goes_on
        self.name, self.rng, self.number = name, random.Random(seed), 0
        self.slowness = 1  # factor for all its delays and deadlines
        self.old = []  # accepted tasks, enqueued again now and then

    def run(self):
        unanswered = self.remember()
        if unanswered:
            self.ask(unanswered, is_first=False)
        while self.goes_on():
            draw = self.rng.randrange(10)
            if draw <= 1:
                self.ask_unique()
            elif draw == 2 and self.old:
                self.ask([self.rng.choice(self.old)])
            else:
                self.ask([self.make_task() for _ in range(self.rng.randrange(1, 16))])
            time.sleep(self.rng.uniform(0, 0.06))

    def remember(self):
        """The batch of an earlier life that was never answered, if there is one."""
        unanswered = None
        for line in notebook.read(self.book.path):
            if line["kind"] == "asking":
                unanswered = line["tasks"]
                self.number += len(unanswered)
            elif line["kind"] == "accepted":
                unanswered = None
        return unanswered

    def ask(self, tasks, is_first=True, goes_on=lambda: True):
        """Repeats the batch until it is accepted, even when it is time to stop: an idempotent batch may always be
        repeated."""
        if is_first:
            self.book.write("asking", tasks=tasks, wall=time.time())
        asked = now()
        while goes_on():
            answer = self.api.until_answered("POST", "/v1/tasks/batch", {"tasks": tasks}, goes_on)
            if answer and answer[0] in ACCEPTED:
                self.old = (self.old + tasks)[-50:]
                return self.book.write("accepted", asked=asked, tasks=tasks, answers=answer[1]["tasks"])
            if answer:
                self.book.write("refused", status=answer[0], problem=answer[1])
                time.sleep(0.05)
        return None

    def ask_unique(self):
        """Only one task of a unique key may live at a time. Each request may create another, so it is not repeated
        blindly."""
        key = f"unique-{self.rng.randrange(6)}"
        task = {"type": "hello", "payload": {"key": key}, "max_attempts": 50, "idempotency_key": key,
                "unique_while": "done"}
        self.book.write("asking_unique", key=key)
        asked = now()
        answer = self.api.call("POST", "/v1/tasks", task)
        if answer and answer[0] in ACCEPTED:
            self.book.write("accepted_unique", asked=asked, task=task, answer=answer[1])

    def make_task(self):
        rng = self.rng
        self.number += 1
        key = f"{self.name}-{self.number}"
        task = {"type": rng.choice(TYPES), "queue": rng.choice(QUEUES), "priority": rng.randrange(10),
                "payload": {"key": key, "fill": "." * (rng.randrange(9000) if rng.randrange(20) == 0 else 10)},
                "max_attempts": rng.choice((2, 5, 30, 100)), "idempotency_key": key}
        draw = rng.randrange(12)
        if draw == 0:
            task["delay_ms"] = self.ms(1, 3000)
        elif draw == 1:
            task["expires_ms"] = self.ms(100, 4000)
        elif draw == 2:
            task["sensitive"] = True
        elif draw == 3:
            task["deadline_ms"] = self.ms(1000, 8000)
        elif draw == 4 and self.slowness == 1:
            task["run_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + rng.randrange(1, 4)))
        elif draw == 5:
            task["retry"] = {"backoff": "fixed", "jitter": "none", "backoff_base_ms": self.ms(0, 300)}
        return task

    def ms(self, least, most):
        return int(self.slowness * self.rng.randrange(least, most)) or 1
