"""client.py enqueue|drain|latency --port N [--name value]...: Celery as producer and worker; prints one JSON object.

bench/peers/clients/README.md has the options. Producers and the worker have a process for each core.
The worker's tasks write down when they started (tasks.py): clocks of all processes of a machine are the same.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

CORES = os.cpu_count()
LONGEST_DELAY_S = 5  # of a task behind the end of a measurement of latency
START_S = 30  # so long may a worker take to start


def payload_of(number, size):
    return f"{number} ".ljust(size, ".")


def call(options, barrier, share):
    """One thread's part: tasks over its own connection, until time is over or its share is sent. Returns how many."""
    from tasks import app, start  # here, as its connections belong to the process

    with app.connection_for_write() as connection, connection.Producer() as producer:
        producer.connection.ensure_connection()
        barrier.wait()
        sent, end = 0, time.monotonic() + options.seconds
        while sent < share and time.monotonic() < end:
            start.apply_async((payload_of(sent, options.payload),), producer=producer)
            sent += 1
        return sent


def produce(options, barrier, threads, share, results):
    """One process's part."""
    sent = []
    running = [threading.Thread(target=lambda: sent.append(call(options, barrier, share))) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    results.put((sum(sent), time.monotonic()))


def enqueue(options):
    """Single tasks from as many threads as callers; batches, which Celery does not have, from one thread a process."""
    threads = max(1, options.callers // CORES) if options.batch == 1 else 1
    share = options.tasks / (CORES * threads) if options.tasks else float("inf")
    barrier, results = multiprocessing.Barrier(CORES * threads + 1), multiprocessing.Queue()
    processes = [
        multiprocessing.Process(target=produce, args=(options, barrier, threads, share, results)) for _ in range(CORES)
    ]
    for process in processes:
        process.start()
    barrier.wait()
    begun = time.monotonic()
    told = [results.get() for _ in processes]
    for process in processes:
        process.join()
    return {"tasks": sum(sent for sent, _ in told), "seconds": max(ended for _, ended in told) - begun}


class Worker:
    """`celery worker`, and the tasks that it started."""

    def __init__(self, directory):
        self.path, self.log = directory / "started", directory / "worker.log"
        self.path.touch()
        command = [
            sys.executable,
            "-B",
            "-m",
            "celery",
            "--app",
            "tasks",
            "worker",
            "--pool",
            "prefork",
            "--concurrency",
            CORES,
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
            "--loglevel",
            "INFO",
            "--logfile",
            self.log,
        ]
        self.process = subprocess.Popen(
            [str(word) for word in command],
            cwd=Path(__file__).parent,
            stdout=sys.stderr,
            env={**os.environ, "TREADLE_PEERS_STARTED": str(self.path)},
        )

    def wait_until(self, holds, seconds):
        """Whether it came to hold in time."""
        end = time.monotonic() + seconds
        while not holds():
            if self.process.poll() is not None:
                sys.exit(f"the worker ended with status {self.process.returncode}")
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    def is_ready(self):
        return self.log.exists() and " ready." in self.log.read_text(encoding="utf-8")

    def started(self):
        """How many tasks have started."""
        from tasks import RECORD

        return self.path.stat().st_size // RECORD.size

    def end(self):
        """Lets it acknowledge what it has done. Returns [(due, started)], in nanoseconds."""
        from tasks import RECORD

        self.process.terminate()
        self.process.wait()
        return list(RECORD.iter_unpack(self.path.read_bytes()))


def drain(options, directory):
    """From the first start of a task to the last, so that the worker's own start does not count."""
    worker = Worker(directory)
    worker.wait_until(worker.started, START_S)
    worker.wait_until(lambda: worker.started() >= options.tasks, options.seconds)
    looked = time.monotonic_ns()
    times = sorted(started for _, started in worker.end() if started <= looked)
    return {"tasks": len(times), "seconds": (times[-1] - times[0]) / 1e9}


def latency(options, directory):
    """A task is due at its place in a fixed schedule, which waits for none before it; its payload tells when."""
    from tasks import app, start

    worker, count = Worker(directory), int(options.seconds * options.rate)
    worker.wait_until(worker.is_ready, START_S)
    with app.connection_for_write() as connection, connection.Producer() as producer:
        producer.connection.ensure_connection()
        begun = time.monotonic_ns()
        for number in range(count):
            due = begun + number * 10**9 // options.rate
            time.sleep(max(0, due - time.monotonic_ns()) / 1e9)
            start.apply_async((payload_of(due, options.payload),), producer=producer)
    worker.wait_until(lambda: worker.started() >= count, LONGEST_DELAY_S)
    times = worker.end()
    return {
        "tasks": len(times),
        "seconds": (max(started for _, started in times) - begun) / 1e9,
        "latencies_us": [(started - due) // 1000 for due, started in times],
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["enqueue", "drain", "latency"])
    parser.add_argument("--seconds", type=float)
    for name in ("port", "tasks", "callers", "batch", "rate", "payload"):
        parser.add_argument(f"--{name}", type=int)
    options = parser.parse_args()
    os.environ["TREADLE_PEERS_PORT"] = str(options.port)
    if options.verb == "enqueue":
        print(json.dumps(enqueue(options)))
        return
    with tempfile.TemporaryDirectory(prefix="peers-celery-") as directory:
        print(json.dumps({"drain": drain, "latency": latency}[options.verb](options, Path(directory))))


if __name__ == "__main__":
    main()
