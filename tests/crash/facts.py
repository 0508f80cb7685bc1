"""The contents of the notebooks, sorted by task. Judging them is the checker's job."""

import glob
import os
from collections import defaultdict

import notebook


def task_of(token):
    return token.split(".")[0]


def number_of(token):
    """The number of the task's leases so far, including this one."""
    return int(token.split(".")[1])


class Lease:
    """A lease as its worker knows it."""

    def __init__(self, line):
        self.line, self.token, self.number = line, line["token"], number_of(line["token"])
        self.asked, self.told = line["asked"], line["t"]
        self.revoked = self.asked + line.get("timeout_ms", float("inf")) / 1000
        self.extend(self.asked)
        self.reported = None  # when its worker began to report; the lease may be over from then on

    def extend(self, asked):
        until = asked + self.line["lease_ms"] / 1000
        self.valid_until = min(self.revoked, max(until, getattr(self, "valid_until", 0)))

    def is_valid_at(self, moment):
        return moment < self.valid_until and (self.reported is None or moment < self.reported)


class Task:
    """Everything that anybody wrote about one task."""

    def __init__(self, name):
        self.name = name
        self.requests = []  # the requests that enqueued it
        self.acknowledged = None  # when first
        self.key = self.unique_key = None
        self.leases = {}  # token -> Lease
        self.reporting = []  # (t, report), intentions
        self.reported = []  # (first t of the intention, t, report, code)
        self.saving, self.saved = [], []  # (t, token, update)
        self.commands = []  # (t, action, body), intentions
        self.commanded = []  # (asked, t, action, answer) of successful commands
        self.lost = []  # (t, token)
        self.seen = []  # (asked, t, told or None)
        self.end = None

    def was_asked(self, *actions, before=float("inf")):
        return any(action in actions and t < before for t, action, _ in self.commands)

    def term(self, name):
        return next((request[name] for request in self.requests if name in request), None)


class Facts:
    def __init__(self, directory):
        self.tasks, self.lines = {}, 0
        self.first_asked = {}  # key -> t
        self.ids_of_key = defaultdict(dict)  # key -> {id: t}
        self.unique_asked = self.unique_answered = 0
        self.unique = []  # (key, asked, t, id)
        self.pauses = []  # (t, kind, action, queue)
        self.queues = []  # (t, queues)
        self.end_queues = None
        lines = []
        for path in sorted(glob.glob(os.path.join(directory, "*.history"))):
            lines += notebook.read(path)
        for line in sorted(lines, key=lambda line: line["t"]):
            self.lines += 1
            note = getattr(self, "note_" + line["kind"], None)
            if note:
                note(line)

    def task(self, name):
        return self.tasks.setdefault(name, Task(name))

    def note_asking(self, line):
        for request in line["tasks"]:
            self.first_asked.setdefault(request["idempotency_key"], (line["t"], line["wall"]))

    def note_accepted(self, line):
        for request, told in zip(line["tasks"], line["answers"], strict=True):
            task = self.accept(line, request, told)
            task.key = request["idempotency_key"]
            self.ids_of_key[task.key].setdefault(told["id"], line["t"])

    def accept(self, line, request, told):
        task = self.task(told["id"])
        task.requests.append(request)
        if task.acknowledged is None:
            task.acknowledged = line["t"]
        return task

    def note_asking_unique(self, _):
        self.unique_asked += 1

    def note_accepted_unique(self, line):
        self.unique_answered += 1
        self.accept(line, line["task"], line["answer"]).unique_key = line["task"]["idempotency_key"]
        self.unique.append((line["task"]["idempotency_key"], line["asked"], line["t"], line["answer"]))

    def note_leased(self, line):
        self.task(line["id"]).leases.setdefault(line["token"], Lease(line))

    def note_reporting(self, line):
        for report in line["reports"]:
            task = self.task(task_of(report["token"]))
            task.reporting.append((line["t"], report))
            lease = task.leases.get(report["token"])
            if lease and lease.reported is None:
                lease.reported = line["t"]

    def note_reported(self, line):
        for report in line["reports"]:
            task = self.task(task_of(report["token"]))
            first = min(t for t, other in task.reporting if other["token"] == report["token"])
            task.reported.append((first, line["t"], report, report["code"]))

    def note_renewed(self, line):
        for token in line["tokens"]:
            self.extend(token, line["asked"])

    def extend(self, token, asked):
        lease = self.task(task_of(token)).leases.get(token)
        if lease:
            lease.extend(asked)

    def note_lost(self, line):
        for token in line["tokens"]:
            self.task(task_of(token)).lost.append((line["t"], token))

    def note_saving(self, line):
        self.task(task_of(line["token"])).saving.append((line["t"], line["token"], line["update"]))

    def note_saved(self, line):
        self.task(task_of(line["token"])).saved.append((line["t"], line["token"], line["update"]))
        self.extend(line["token"], line["asked"])

    def note_commanding(self, line):
        self.task(line["task"]).commands.append((line["t"], line["action"], line["body"]))

    def note_commanded(self, line):
        if line["status"] == 200:
            self.task(line["task"]).commanded.append((line["asked"], line["t"], line["action"], line["answer"]))

    def note_pausing(self, line):
        self.pauses.append((line["t"], "asked", line["action"], line["queue"]))

    def note_paused(self, line):
        self.pauses.append((line["t"], "told", line["action"], line["queue"]))

    def note_seen(self, line):
        self.task(line["task"]).seen.append((line["asked"], line["t"], line["told"]))

    def note_queues(self, line):
        self.queues.append((line["t"], line["queues"]))

    def note_ended(self, line):
        self.task(line["task"]).end = (line["asked"], line["t"], line["told"])

    def note_ended_queues(self, line):
        self.end_queues = line["queues"]
        self.queues.append((line["t"], line["queues"]))

    def acknowledged(self):
        return {name for name, task in self.tasks.items() if task.acknowledged is not None}
