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
CLIENT_S = 60  # what a client may take beyond its own limit


@dataclass
class Plan:
    """How long and how much is measured."""

    rounds: int
    seconds: float  # of each measurement; a backlog is enqueued and drained for at most four times as long
    backlog: int  # tasks
    rate: int  # tasks a second, while latency is measured
    data: Path  # on the disk of this directory


@contextmanager
def server_of(contestant, plan, children):
    """A fresh server of the contestant, in a directory that goes with it."""
    home = Path(tempfile.mkdtemp(prefix=f"peers-{contestant.name}-", dir=plan.data))
    home.chmod(0o755)  # some servers refuse to run as root, and change to a user of their own
    try:
        server = contestant.start(home, children)
        yield server
        if server.process.poll() is not None:
            raise Failed(f"the server ended with status {server.process.returncode}:\n{tail_of(server.process.log)}")
    finally:
        children.end_all()
        shutil.rmtree(home, ignore_errors=True)


def ask(contestant, server, children, verb, seconds, **options):
    """Runs the contestant's client and returns what it answers. Options become words: tasks=5 is `--tasks 5`."""
    options = {"port": server.port, "seconds": seconds, "payload": PAYLOAD_BYTES, **options}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    log = server.home / "client.log"
    client = children.start([*contestant.client, verb, *words], log, stdout=subprocess.PIPE)
    try:
        out, _ = client.communicate(timeout=seconds + CLIENT_S)
    except subprocess.TimeoutExpired as late:
        raise Failed(f"its client did not end: {verb} {words}\n{tail_of(log)}") from late
    if client.returncode != 0:
        raise Failed(f"its client ended with status {client.returncode}: {verb} {words}\n{tail_of(log)}")
    children.end(client)
    answer = json.loads(out.splitlines()[-1])
    if not answer["tasks"]:
        raise Failed(f"its client got nothing done: {verb} {words}\n{tail_of(log)}")
    return answer


def per_s(answer):
    return answer["tasks"] / answer["seconds"]


def batched(contestant, plan, children):
    with server_of(contestant, plan, children) as server:
        answer = ask(contestant, server, children, "enqueue", plan.seconds, callers=CALLERS, batch=BATCH)
        return {"batched_per_s": per_s(answer)}


def single(contestant, plan, children):
    with server_of(contestant, plan, children) as server:
        answer = ask(contestant, server, children, "enqueue", plan.seconds, callers=CALLERS, batch=1)
        return {"single_per_s": per_s(answer)}


def fill(contestant, plan, server, children):
    """Enqueues the backlog, or what fits in the time for it. Returns how many tasks wait."""
    return ask(
        contestant, server, children, "enqueue", plan.seconds * 4, callers=CALLERS, batch=BATCH, tasks=plan.backlog
    )["tasks"]


def drain(contestant, plan, children):
    """The backlog, and what it adds to the server's memory."""
    with server_of(contestant, plan, children) as server:
        before = settled_memory_bytes(server.process.pid)
        waiting = fill(contestant, plan, server, children)
        grown = settled_memory_bytes(server.process.pid) - before
        answer = ask(
            contestant,
            server,
            children,
            "drain",
            plan.seconds * 4,
            callers=contestant.consumers,
            batch=BATCH,
            tasks=waiting,
        )
        return {
            "drain_per_s": per_s(answer),
            **({"bytes_per_task": grown / waiting} if contestant.memory_tells else {}),
        }


def unpipelined(contestant, plan, children):
    """A drain by 32 consumers, each of which waits for every answer before it says the next word."""
    with server_of(contestant, plan, children) as server:
        waiting = fill(contestant, plan, server, children)
        answer = ask(
            contestant, server, children, "drain", plan.seconds, callers=CALLERS, batch=1, tasks=waiting, pipelined=0
        )
        return {"unpipelined_per_s": per_s(answer)}


def latency(contestant, plan, children):
    with server_of(contestant, plan, children) as server:
        answer = ask(contestant, server, children, "latency", plan.seconds, rate=plan.rate)
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
    return WORKLOADS[workload](contestant, plan, children)


WORKLOADS = {"batched": batched, "single": single, "drain": drain, "unpipelined": unpipelined, "latency": latency}
