"""The workloads: what each does to a contestant's server, and the figures that come of it.

Each measurement has a server of its own, begun in an empty directory and ended afterwards. A contestant's client does
the work and prints one JSON object; bench/peers/clients/README.md says what clients are asked and what they answer.
"""

import json
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from figures import percentile
from processes import Failed, settled_memory_bytes, tail_of

CALLERS, BATCH, PAYLOAD_BYTES = 32, 100, 256
LONGER = 4  # so many times as long as other measurements, at most, a backlog is enqueued, and drained
CLIENT_S = 60  # what a client may take beyond its own limit


@dataclass
class Plan:
    """How long and how much is measured."""

    rounds: int
    seconds: float  # of each measurement
    backlog: int  # tasks
    rate: int  # tasks a second, while latency is measured
    data: Path  # on the disk of this directory


class Trial:
    """A fresh server of a contestant, and what its client finds there."""

    def __init__(self, contestant, server, children):
        self.contestant, self.server, self.children = contestant, server, children

    def ask(self, verb, seconds, **options):
        """Runs the client and returns what it answers. Options become words: tasks=5 is `--tasks 5`."""
        options = {"port": self.server.port, "seconds": seconds, "payload": PAYLOAD_BYTES, **options}
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        log = self.server.home / "client.log"

        def failed(how):
            return Failed(f"its client {how}\n{verb} {' '.join(words)}\n{tail_of(log)}")

        client = self.children.start([*self.contestant.client, verb, *words], log, stdout=subprocess.PIPE)
        try:
            out, _ = client.communicate(timeout=seconds + CLIENT_S)
        except subprocess.TimeoutExpired as late:
            raise failed("did not end") from late
        if client.returncode != 0 or not out:
            raise failed(f"ended with status {client.returncode}")
        self.children.end(client)
        answer = json.loads(out)
        if not answer["tasks"]:
            raise failed("got nothing done")
        return answer

    def fill(self, plan):
        """Enqueues the backlog, or what fits in the time for it. Returns how many tasks wait."""
        return self.ask("enqueue", plan.seconds * LONGER, callers=CALLERS, batch=BATCH, tasks=plan.backlog)["tasks"]

    def memory_bytes(self):
        return settled_memory_bytes(self.server.process.pid)


@contextmanager
def trial_of(contestant, plan, children):
    """A Trial in a directory that goes with it. Failed if the server does not outlive it."""
    home = Path(tempfile.mkdtemp(prefix=f"peers-{contestant.name}-", dir=plan.data))
    home.chmod(0o755)  # some servers refuse to run as root, and change to a user of their own
    try:
        server = contestant.start(home, children)
        yield Trial(contestant, server, children)
        if server.process.poll() is not None:
            raise Failed(f"the server ended with status {server.process.returncode}:\n{tail_of(server.process.log)}")
    finally:
        children.end_all()
        shutil.rmtree(home, ignore_errors=True)


def per_s(answer):
    return answer["tasks"] / answer["seconds"]


def batched(trial, plan):
    return {"batched_per_s": per_s(trial.ask("enqueue", plan.seconds, callers=CALLERS, batch=BATCH))}


def single(trial, plan):
    return {"single_per_s": per_s(trial.ask("enqueue", plan.seconds, callers=CALLERS, batch=1))}


def drain(trial, plan):
    """The backlog, and what it adds to the server's memory."""
    before = trial.memory_bytes()
    waiting = trial.fill(plan)
    grown = trial.memory_bytes() - before
    consumers = trial.contestant.consumers
    answer = trial.ask("drain", plan.seconds * LONGER, callers=consumers, batch=BATCH, tasks=waiting)
    memory = {"bytes_per_task": grown / waiting} if trial.contestant.memory_tells else {}
    return {"drain_per_s": per_s(answer), **memory}


def unpipelined(trial, plan):
    """A drain by 32 consumers, each of which waits for every answer before it says the next word."""
    waiting = trial.fill(plan)
    answer = trial.ask("drain", plan.seconds, callers=CALLERS, batch=1, tasks=waiting, pipelined=0)
    return {"unpipelined_per_s": per_s(answer)}


def latency(trial, plan):
    answer = trial.ask("latency", plan.seconds, rate=plan.rate)
    microseconds = answer["latencies_us"]
    return {
        "latency_p50_ms": percentile(microseconds, 50) / 1000,
        "latency_p99_ms": percentile(microseconds, 99) / 1000,
        "latency_per_s": per_s(answer),
    }


def measure(contestant, workload, plan, children):
    """The figures of one workload, {key of figures.FIGURES: number}."""
    if contestant.measures_itself:
        return contestant.measure(workload, plan, children)
    with trial_of(contestant, plan, children) as trial:
        return WORKLOADS[workload](trial, plan)


WORKLOADS = {"batched": batched, "single": single, "drain": drain, "unpipelined": unpipelined, "latency": latency}
