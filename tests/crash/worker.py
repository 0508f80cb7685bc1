"""A worker: leases, renews, saves steps and reports, all through exchanges.

It may be killed, or stopped for longer than its leases last. A stopped worker comes back with old tokens and uses
them. A new life of the same name starts a new incarnation, and now and then reports for tokens that it finds in its
notebook.
"""

import random
import time

import notebook
from api import Api, now
from producer import QUEUES, TYPES

HELD_MAX = 100
BUSY_S = (0, 0, 0, 0, 0.02, 0.1, 0.5)


class Worker:
    def __init__(self, port, path, name, seed, goes_on, busy_s=BUSY_S):
        self.api, self.book, self.goes_on = Api(port), notebook.Notebook(path), goes_on
        self.name, self.rng, self.busy_s, self.types = name, random.Random(seed), busy_s, TYPES
        self.capacity = HELD_MAX
        self.begin_life()
        self.held = {}  # token -> when its work is done
        self.reports = []

    def begin_life(self):
        self.incarnation, self.sequence = f"{self.rng.getrandbits(64) | 1:016x}", 0

    def run(self):
        self.take_up_old_tokens()
        while self.goes_on():
            self.exchange(self.rng.choice((0, 50, 200)))
            self.work()

    def take_up_old_tokens(self, share=0.5):
        """Takes up what an earlier life held and never reported. Most leases have expired; the reports must be
        harmless."""
        open_tokens = set()
        for line in notebook.read(self.book.path):
            if line["kind"] == "leased":
                open_tokens.add(line["token"])
            elif line["kind"] == "reporting":
                open_tokens -= {report["token"] for report in line["reports"]}
        self.reports = [self.outcome(token) for token in sorted(open_tokens) if self.rng.random() < share]

    def exchange(self, wait_ms):
        """One exchange, repeated until it is answered. True if there was anything to do."""
        self.sequence += 1
        reports, self.reports = self.reports, []
        renew = list(self.held)
        body = {"worker": self.name, "incarnation": self.incarnation, "sequence": self.sequence, "queues": QUEUES,
                "types": self.types, "want": max(self.capacity - len(self.held), 0), "wait_ms": wait_ms, "renew": renew,
                "reports": reports}
        if reports:
            self.book.write("reporting", reports=reports)
        asked = now()
        answer = self.api.until_answered("POST", "/v1/exchange", body, self.goes_on)
        if answer is None:
            return False
        if answer[0] != 200:
            # The server has seen more of this life than we have. Begin a new one; the old leases will expire.
            self.book.write("refused", status=answer[0], problem=answer[1])
            self.begin_life()
            self.held = {}
            return True
        self.take_in(asked, reports, renew, answer[1])
        return bool(reports or self.held or answer[1]["leases"])

    def take_in(self, asked, reports, renew, answer):
        if reports:
            codes = {told["token"]: told["code"] for told in answer["reports"]}
            told = [{**report, "code": codes[report["token"]]} for report in reports]
            self.book.write("reported", asked=asked, reports=told)
        renewed = [token for token in renew if token not in answer["lost"]]
        if renewed:
            self.book.write("renewed", asked=asked, tokens=renewed)
        if answer["lost"]:
            self.book.write("lost", tokens=answer["lost"])
            for token in answer["lost"]:
                self.held.pop(token, None)
        for lease in answer["leases"]:
            self.book.write("leased", asked=asked, wall=time.time(), **lease)
            self.held[lease["token"]] = now() + self.rng.choice(self.busy_s)
        for token in answer["cancelled"]:
            if token in self.held and self.rng.randrange(2) == 0:
                self.held[token] = 0

    def work(self):
        due = now()
        for token in [token for token, end in self.held.items() if end <= due]:
            if self.rng.randrange(10) == 0:
                self.save(token)
            if self.held.pop(token, None) is not None:
                self.reports.append(self.outcome(token))

    def save(self, token):
        steps = [{"name": f"step-{self.rng.randrange(3)}", "result": self.rng.getrandbits(40)}]
        update = {"steps": steps, "log": {"text": "at work\n"}}
        if self.rng.randrange(2) == 0:
            update["checkpoint"] = {"data": self.rng.getrandbits(40)}
        self.book.write("saving", token=token, update=update)
        asked = now()
        answer = self.api.until_answered("POST", f"/v1/attempts/{token}", update, self.goes_on)
        if answer and answer[0] == 200:
            self.book.write("saved", asked=asked, token=token, update=update)
        elif answer:
            self.book.write("not_saved", token=token, status=answer[0], problem=answer[1])

    def outcome(self, token):
        draw, error = self.rng.randrange(40), {"code": "crash_test", "message": "drawn"}
        if draw < 5:
            report = {"token": token, "outcome": "failed", "error": error, "retry": draw != 0}
            return {**report, "delay_ms": self.rng.randrange(800)} if draw == 1 else report
        if draw == 5:
            return {"token": token, "outcome": "released"}
        if draw == 6:
            return {"token": token, "outcome": "snoozed", "delay_ms": self.rng.randrange(800)}
        if draw == 7:
            return {"token": token, "outcome": "discarded", "error": error}
        return {"token": token, "outcome": "completed", "result": {"by": token}}
