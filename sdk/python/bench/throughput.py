#!/usr/bin/env python3
"""How many tasks a second one Python worker runs, against a server of its own.

    TREADLE=build/release/treadle sdk/python/bench/throughput.py [--tasks 100000] [--payload 256]

Handlers do nothing; payloads have so many bytes. A backlog is drained by one worker process at a
time. The processor time of the worker for each task says more than the rate where others share the
machine. For people, no test.
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import treadle  # noqa: E402
from treadle import Client  # noqa: E402

app = treadle.Treadle(concurrency=100)
KINDS = {
    "functions in threads": ("noop", ["--quiet"]),
    "functions in threads, a line for each": ("noop", []),
    "coroutines": ("anoop", ["--quiet"]),
    "functions in 2 processes": ("noop", ["--quiet", "--processes", "2"]),
}


@app.task
def noop(payload: str) -> None:
    pass


@app.task
async def anoop(payload: str) -> None:
    pass


def start_server(place: Path) -> "tuple[subprocess.Popen[str], str]":
    command = [os.environ.get("TREADLE", "treadle"), "server", "--listen", "127.0.0.1:0"]
    server = subprocess.Popen(
        [*command, "--data", str(place)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert server.stdout is not None
    for line in server.stdout:
        if "ready at " in line:
            return server, line.split("ready at ")[1].split(",")[0].strip()
    sys.exit("the server did not start")


def waiting(client: Client, queue: str) -> int:
    answer = client._json("GET", f"/v1/queues/{queue}")["tasks"]
    return int(answer["ready"] + answer["running"])


def enqueue(client: Client, type: str, queue: str, number: int, size: int) -> None:
    payload = {"payload": "x" * (size - len(json.dumps({"payload": ""})))}
    begun = time.monotonic()
    client.enqueue_many(type, [payload] * number, queue=queue)
    print(f"    enqueued {number / (time.monotonic() - begun):>10,.0f} tasks/s")


def drain(client: Client, url: str, queue: str, words: "list[str]") -> None:
    before = waiting(client, queue)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [
        sys.executable,
        "-m",
        "treadle",
        "worker",
        "throughput:app",
        "--queues",
        queue,
        *words,
    ]
    path = os.pathsep.join([str(HERE), str(HERE.parent)])
    with open(os.devnull, "w") as nowhere:
        worker = subprocess.Popen(
            command, stderr=nowhere, env={**os.environ, "TREADLE_SERVER": url, "PYTHONPATH": path}
        )
    while waiting(client, queue) == before:
        time.sleep(0.002)
    begun, first = time.monotonic(), waiting(client, queue)
    while waiting(client, queue):
        time.sleep(0.01)
    rate = first / (time.monotonic() - begun)
    worker.send_signal(signal.SIGTERM)
    worker.wait()
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    print(f"    drained  {rate:>10,.0f} tasks/s, {spent / before * 1e6:.0f} µs of processor a task")


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--payload", type=int, default=256, help="bytes")
    parser.add_argument("--only", default="", help="those that have this in their name")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        server, url = start_server(Path(place) / "data")
        try:
            with Client(url) as client:
                for i, (name, (type, words)) in enumerate(KINDS.items()):
                    if options.only not in name:
                        continue
                    print(name)
                    enqueue(client, type, f"q{i}", options.tasks, options.payload)
                    drain(client, url, f"q{i}", words)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


if __name__ == "__main__":
    main()
