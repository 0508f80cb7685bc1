"""Samples a server from outside: memory, files, journal, store, work, and the latency of enqueues since the last
sample."""

import os
import re
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from treadle import Http, Worker  # noqa: E402

PROBE = "soak.probe"
PROBES_PER_S = 20
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20


class Probe:
    """Single enqueues on a fixed schedule, timed from their intended start. A worker completes them."""

    def __init__(self, port):
        self.http, self.times_ms, self.lock = Http(port), [], threading.Lock()
        self.enqueued, self.completed, self.failures = 0, 0, []
        self.stop, self.work_stop = threading.Event(), threading.Event()
        self.threads = [threading.Thread(target=self._guard, args=(each,)) for each in (self._enqueue, self._work)]
        for each in self.threads:
            each.start()

    def _guard(self, run):
        try:
            run()
        except Exception as failure:
            self.failures.append(repr(failure)[:500])

    def _enqueue(self):
        begun = time.monotonic()
        while not self.stop.wait(max(0, begun + self.enqueued / PROBES_PER_S - time.monotonic())):
            intended = begun + self.enqueued / PROBES_PER_S
            self.http.enqueue(type="probe", queue=PROBE)
            with self.lock:
                self.times_ms.append((time.monotonic() - intended) * 1000)
                self.enqueued += 1

    def _work(self):
        worker, reports = Worker(self.http, types=["probe"], queues=[PROBE], name="probe"), []
        while reports or self.completed < self.enqueued or not self.work_stop.is_set():
            answer = worker.exchange(want=100, wait_ms=200, reports=reports)
            self.completed += sum(each["code"] == "OK" for each in answer["reports"])
            reports = [{"token": lease["token"], "outcome": "completed"} for lease in answer["leases"]]

    def take(self):
        """The times since the last call, sorted."""
        with self.lock:
            times, self.times_ms = sorted(self.times_ms), []
        return times

    def finish(self):
        self.stop.set()
        self.threads[0].join()
        self.work_stop.set()
        self.threads[1].join()


def bytes_of(files):
    total = 0
    for file in files:
        try:
            total += file.stat().st_size
        except FileNotFoundError:  # a segment was deleted meanwhile
            pass
    return total


class Sampler:
    """Call `sample` now and then."""

    def __init__(self, server, probe):
        self.server, self.probe, self.proc = server, probe, Path(f"/proc/{server.process.pid}")
        self.begun = time.monotonic()
        self.last = (self.begun, self.cpu_s(), self.completed())

    def cpu_s(self):
        fields = (self.proc / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def completed(self):
        return float(re.search(r"^treadle_completed_total (\S+)$", self.server.get("/metrics").body.decode(), re.M).group(1))

    def sample(self):
        status = (self.proc / "status").read_text()
        now, cpu, completed, times = time.monotonic(), self.cpu_s(), self.completed(), self.probe.take()
        passed = now - self.last[0]
        queues = self.server.get("/v1/queues").json["queues"]
        waiting = sum(queue["tasks"][state] for queue in queues for state in ("scheduled", "ready", "running", "retrying"))
        values = {
            "resident_mib": int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024,
            "descriptors": len(os.listdir(self.proc / "fd")),
            "threads": int(re.search(r"Threads:\s+(\d+)", status).group(1)),
            "journal_mib": bytes_of((self.server.data_dir / "journal").iterdir()) / MIB,
            "store_mib": bytes_of(self.server.data_dir.glob("store.db*")) / MIB,
            "waiting_tasks": waiting,
            "cpu_cores": (cpu - self.last[1]) / passed,
            "completed_per_s": (completed - self.last[2]) / passed,
        }
        if times:
            values["enqueue_p50_ms"] = times[len(times) // 2]
            values["enqueue_p99_ms"] = times[int(len(times) * 0.99)]
        self.last = (now, cpu, completed)
        return now - self.begun, values
