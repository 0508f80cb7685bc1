"""Treadle itself, by its own `treadle bench`, with default settings. It starts its own server, with data of its own."""

import json
import subprocess

import measure
from contestants.contestant import ROOT, Contestant, first_number
from processes import Failed, tail_of


def duration(plan):
    """As the program reads it."""
    return f"{plan.seconds * 1000:.0f}ms"


class Treadle(Contestant):
    name = "treadle"
    title = "Treadle"
    syncs = True
    setting = (
        "default settings: `fsync` before each acknowledgement; HTTP; the C++ SDK's client and one worker with a "
        "handler that does nothing; callers do not share requests when each call has one task"
    )
    measures_itself = True
    binary = ROOT / "build/release/treadle"

    def install(self):
        if not self.binary.exists():
            raise Failed(f"there is no {self.binary}; ./dev build makes it")

    def version(self):
        return f"Treadle {first_number([self.binary, '--version'])}"

    def measure(self, workload, plan, children):
        """The figures of one of measure.WORKLOADS."""
        if workload == "batched":
            return {"batched_per_s": self.enqueue(plan, children, measure.BATCH)["per_s"]}
        if workload == "single":
            return {"single_per_s": self.enqueue(plan, children, 1, "--coalesce", "off")["per_s"]}
        if workload == "drain":
            drained, waited = self.bench(plan, children, "drain", "memory", "--tasks", plan.backlog)
            return {"drain_per_s": drained["per_s"], "bytes_per_task": waited["rss_bytes_per_task"]}
        [steady] = self.bench(plan, children, "latency", "--rate", plan.rate, "--duration", duration(plan))
        return {
            "latency_p50_ms": steady["p50_ms"],
            "latency_p99_ms": steady["p99_ms"],
            "latency_per_s": steady["per_s"],
        }

    def enqueue(self, plan, children, batch, *words):
        [told] = self.bench(
            plan,
            children,
            "enqueue",
            "--batch",
            batch,
            "--callers",
            measure.CALLERS,
            "--duration",
            duration(plan),
            *words,
        )
        return told

    def bench(self, plan, children, *words):
        """What `treadle bench` tells: one object for each measurement."""
        log = plan.data / "treadle-bench.log"
        child = children.start(
            [
                self.binary,
                "bench",
                *words,
                "--serve",
                "--data",
                plan.data,
                "--payload",
                measure.PAYLOAD_BYTES,
                "--json",
            ],
            log,
            stdout=subprocess.PIPE,
        )
        out, _ = child.communicate()
        if child.returncode != 0:
            raise Failed(f"treadle bench {words} ended with status {child.returncode}:\n{tail_of(log)}")
        children.end(child)
        log.unlink()
        return [json.loads(line) for line in out.splitlines()]


CONTESTANTS = [Treadle()]
