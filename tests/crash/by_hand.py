"""An operator: cancels, redrives, edits, moves, deletes and runs tasks, pauses queues, and reads them.

It learns of tasks from the clients that enqueued them, by reading the producers' notebooks.
"""

import random
import time

import notebook
from api import Api, now
from producer import QUEUES

RECENT, NEW = 2000, 40


class Operator:
    def __init__(self, port, path, producers, seed, goes_on):
        self.api, self.book, self.goes_on = Api(port), notebook.Notebook(path), goes_on
        self.readers = [notebook.Reader(producer) for producer in producers]
        self.rng, self.tasks, self.last, self.paused_until = random.Random(seed), [], None, {}

    def run(self):
        for queue in QUEUES:  # an earlier life may have left them paused
            self.set_paused(queue, "resume")
        while self.goes_on():
            self.learn()
            draw = self.rng.randrange(12)
            if draw == 0:
                self.pause(self.rng.choice(QUEUES))
            elif draw <= 3:
                self.look()
            elif self.tasks:
                self.act(self.choose())
            self.resume_what_is_due()
            time.sleep(self.rng.uniform(0, 0.03))

    def learn(self):
        for reader in self.readers:
            for line in reader.new():
                if line["kind"] == "accepted":
                    self.tasks += [told["id"] for told in line["answers"]]
        self.tasks = self.tasks[-RECENT:]

    def choose(self):
        """Mostly a task that may still wait. Often the same one again: what one command leaves behind may trip the
        next."""
        if self.last is None or self.rng.randrange(3):
            self.last = self.rng.choice(self.tasks[-NEW:] if self.rng.randrange(4) else self.tasks)
        return self.last

    def act(self, task):
        action = self.rng.choice(("cancel", "run-now", "redrive", "redrive", "edit", "delete"))
        if action == "edit":
            return self.ask(action, task, "PATCH", f"/v1/tasks/{task}", self.make_edit())
        if action == "delete" and self.rng.randrange(3) == 0:
            return self.ask(action, task, "DELETE", f"/v1/tasks/{task}")
        if action == "cancel":
            return self.ask(action, task, "POST", f"/v1/tasks/{task}/cancel", {"reason": "crash test"})
        return self.ask(action, task, "POST", f"/v1/tasks/{task}/{action}") if action != "delete" else None

    def make_edit(self):
        draw = self.rng.randrange(4)
        if draw == 0:
            return {"payload": {"edited": self.rng.getrandbits(40)}}
        if draw == 1:
            return {"queue": self.rng.choice(QUEUES)}
        return {"priority": self.rng.randrange(10)} if draw == 2 else {"delay_ms": self.rng.randrange(1000)}

    def ask(self, action, task, method, path, body=None):
        """Repeats the command until it is answered. Each of these commands may run twice with the same effect."""
        self.book.write("commanding", action=action, task=task, body=body)
        asked = now()
        answer = self.api.until_answered(method, path, body, self.goes_on)
        if answer:
            self.book.write("commanded", asked=asked, action=action, task=task, body=body, status=answer[0],
                            answer=answer[1])

    def pause(self, queue):
        if queue in self.paused_until:
            return
        self.paused_until[queue] = now() + self.rng.uniform(0.1, 0.6)
        self.set_paused(queue, "pause")

    def resume_what_is_due(self):
        for queue in [queue for queue, due in self.paused_until.items() if due < now()]:
            del self.paused_until[queue]
            self.set_paused(queue, "resume")

    def set_paused(self, queue, action):
        self.book.write("pausing", action=action, queue=queue)
        asked = now()
        answer = self.api.until_answered("POST", f"/v1/queues/{queue}/{action}", None, self.goes_on)
        if answer and answer[0] == 200:
            self.book.write("paused", asked=asked, action=action, queue=queue)

    def look(self):
        asked = now()
        if self.tasks and self.rng.randrange(3):
            task = self.rng.choice(self.tasks)
            answer = self.api.call("GET", f"/v1/tasks/{task}")
            if answer and answer[0] in (200, 404):
                told = answer[1] if answer[0] == 200 else None
                return self.book.write("seen", asked=asked, task=task, told=told)
        answer = self.api.call("GET", "/v1/queues")
        if answer and answer[0] == 200:
            self.book.write("queues", asked=asked, queues=answer[1]["queues"])
        return None
