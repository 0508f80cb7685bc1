#!/usr/bin/python3
"""The crash test: the real server under load, kill -9 at random moments, and a checker that knows only what clients saw.

Producers enqueue batches with idempotency keys and ask again until they are answered. Workers lease, complete or fail, and
ask again. The server is killed at random: under load, while it recovers, while it checkpoints. At the end the server runs
in peace until everything is done, and the checker reads the clients' records:

  lost              acknowledged tasks that the server does not know any more, or that never ended
  rerun_after_ack   tasks leased again after a completion was acknowledged
  duplicates        idempotency keys that admitted more than one task

Prints the seed; --seed repeats the same choices (the timing of processes stays the machine's).
Example: crash.py --treadle build/release/treadle --rounds 20 --json
"""

import argparse
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

PRODUCERS = 3
WORKERS = 3
BATCH = 20


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Api:
    """One kept-alive connection. Every call is repeated by the caller until it is answered."""

    def __init__(self, port):
        self.port = port
        self.connection = None

    def call(self, method, path, body=None, timeout=10):
        """The status and the JSON of the answer, or None when there was none."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
            data = None if body is None else json.dumps(body)
            self.connection.request(method, path, data, {"content-type": "application/json"} if data else {})
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        except (OSError, http.client.HTTPException, ValueError):
            if self.connection is not None:
                self.connection.close()
            self.connection = None
            return None


class History:
    """What the clients were told. Nothing else."""

    def __init__(self):
        self.lock = threading.Lock()
        self.accepted = {}  # key -> id
        self.duplicates = []  # (key, id, id)
        self.completed = {}  # id -> token, acknowledged
        self.rerun = []  # (id, token)

    def note_accepted(self, key, task):
        with self.lock:
            known = self.accepted.setdefault(key, task)
            if known != task:
                self.duplicates.append((key, known, task))

    def note_leased(self, task, token):
        with self.lock:
            if task in self.completed:
                self.rerun.append((task, token))

    def note_completed(self, task, token):
        with self.lock:
            self.completed[task] = token


def produce(port, name, history, stop, rng):
    api, number = Api(port), 0
    while not stop.is_set():
        tasks = [{"type": "crash", "payload": {"n": number + i}, "priority": rng.randrange(10),
                  "max_attempts": 100, "idempotency_key": f"{name}-{number + i}"} for i in range(BATCH)]
        number += BATCH
        while not stop.is_set():  # the same again until there is an answer
            answer = api.call("POST", "/v1/tasks/batch", {"tasks": tasks})
            if answer and answer[0] in (200, 201):
                for task, told in zip(tasks, answer[1]["tasks"]):
                    history.note_accepted(task["idempotency_key"], told["id"])
                break
            time.sleep(0.02)


class Worker:
    def __init__(self, port, name, history, rng):
        self.api, self.history, self.rng = Api(port), history, rng
        self.name, self.incarnation, self.sequence = name, f"{rng.getrandbits(64):016x}", 0
        self.reports = []

    def exchange(self, wait_ms):
        """One exchange, repeated until it is answered or `self.stop` is set. True if there was anything to do."""
        self.sequence += 1
        reports, self.reports = self.reports, []
        body = {"worker": self.name, "incarnation": self.incarnation, "sequence": self.sequence,
                "queues": ["default"], "types": ["crash"], "want": 30, "wait_ms": wait_ms,
                "renew": [], "reports": reports}
        while True:
            answer = self.api.call("POST", "/v1/exchange", body)
            if answer and answer[0] == 200:
                break
            if answer and answer[0] == 409:
                # The server has seen more of this life than we have. Begin a new one; old leases will expire.
                self.incarnation, self.sequence = f"{self.rng.getrandbits(64):016x}", 0
                return True
            if self.stop.is_set():
                return False
            time.sleep(0.02)
        for report, told in zip(reports, answer[1]["reports"]):
            if told["code"] == "OK" and report["outcome"] == "completed":
                self.history.note_completed(report["token"].split(".")[0], report["token"])
        for lease in answer[1]["leases"]:
            self.history.note_leased(lease["id"], lease["token"])
            self.reports.append(self.outcome(lease["token"]))
        return bool(reports or answer[1]["leases"])

    def outcome(self, token):
        draw = self.rng.randrange(20)
        if draw == 0:
            return {"token": token, "outcome": "failed", "error": {"code": "crash_test", "message": "drawn"}}
        if draw == 1:
            return {"token": token, "outcome": "released"}
        return {"token": token, "outcome": "completed", "result": {"ok": True}}

    def run(self, stop):
        self.stop = stop
        while not stop.is_set():
            self.exchange(200)


class Server:
    def __init__(self, treadle, directory, port):
        self.command = [treadle, "server", "--data", directory, "--listen", f"127.0.0.1:{port}"]
        self.port, self.process = port, None
        self.log = open(os.path.join(directory + ".log"), "ab")

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def wait_ready(self, seconds=60):
        deadline = time.monotonic() + seconds
        api = Api(self.port)
        while time.monotonic() < deadline:
            answer = api.call("GET", "/v1/info", timeout=5)
            if answer and answer[0] == 200:
                return
            if self.process.poll() is not None:
                raise SystemExit(f"the server ended with status {self.process.returncode}; see {self.log.name}")
            time.sleep(0.01)
        raise SystemExit("the server did not become ready")


def crash_rounds(server, rounds, rng, progress):
    for number in range(rounds):
        server.start()
        if number % 4 == 3:  # while it recovers
            time.sleep(rng.uniform(0, 0.05))
        else:
            server.wait_ready()
            time.sleep(rng.uniform(0.05, 1.2))  # long enough for checkpoints to be under way
        server.kill()
        progress(number + 1)


def drain(port, history, rng, seconds):
    """Works in peace until no task waits any more. False if that does not happen in time."""
    deadline = time.monotonic() + seconds
    worker, never = Worker(port, "peace", history, rng), threading.Event()
    worker.stop, api = never, Api(port)
    while time.monotonic() < deadline:
        if worker.exchange(500):
            continue
        answer = api.call("GET", "/v1/queues/default")
        if answer and answer[0] == 200:
            states = answer[1]["tasks"]
            if not any(states[s] for s in ("scheduled", "ready", "running", "retrying")):
                return True
    return False


def count_lost(port, history):
    api, lost = Api(port), []
    for key, task in history.accepted.items():
        answer = None
        while answer is None:
            answer = api.call("GET", f"/v1/tasks/{task}")
        if answer[0] != 200 or answer[1]["state"] not in ("completed", "dead"):
            lost.append((key, task, answer))
    return lost


def run(arguments):
    rng = random.Random(arguments.seed)
    directory = tempfile.mkdtemp(prefix="treadle-crash-")
    port, history, stop = free_port(), History(), threading.Event()
    server = Server(arguments.treadle, os.path.join(directory, "data"), port)

    def progress(number):
        if not arguments.json:
            print(f"round {number}: {len(history.accepted)} acknowledged, {len(history.completed)} completed",
                  file=sys.stderr)

    server.start()
    server.wait_ready()
    # Everything is kept, so that the checker can ask for all of it; leases are short, so that lost ones come back.
    keep = {"retention": {"completed_tasks": 10_000_000, "completed_bytes": 1 << 40}, "lease_ms": 2_000}
    assert Api(port).call("PUT", "/v1/queues/default", keep)[0] == 200
    server.kill()

    seeds = [rng.getrandbits(32) for _ in range(PRODUCERS + WORKERS)]
    threads = [threading.Thread(target=produce, args=(port, f"p{i}", history, stop, random.Random(seeds[i])))
               for i in range(PRODUCERS)]
    workers = [Worker(port, f"w{i}", history, random.Random(seeds[PRODUCERS + i])) for i in range(WORKERS)]
    threads += [threading.Thread(target=w.run, args=(stop,)) for w in workers]
    for thread in threads:
        thread.start()
    try:
        crash_rounds(server, arguments.rounds, rng, progress)
    finally:
        stop.set()
    for thread in threads:
        thread.join()

    server.start()
    server.wait_ready()
    drained = drain(port, history, rng, 120)
    lost = count_lost(port, history)
    server.process.send_signal(signal.SIGTERM)
    status = server.process.wait(60)
    report = {"rounds": arguments.rounds, "acknowledged": len(history.accepted), "completed": len(history.completed),
              "lost": len(lost), "rerun_after_ack": len(history.rerun), "duplicates": len(history.duplicates),
              "drained": drained, "exit_status": status, "seed": arguments.seed}
    good = drained and status == 0 and not (lost or history.rerun or history.duplicates)
    for name, rows in (("lost", lost), ("rerun", history.rerun), ("duplicate", history.duplicates)):
        for row in rows[:10]:
            print(f"{name}: {row}", file=sys.stderr)
    if good and report["acknowledged"] > 0:
        shutil.rmtree(directory)
    else:
        good = False
        print(f"the data directory and the server's log are kept in {directory}", file=sys.stderr)
    print(json.dumps(report) if arguments.json else "\n".join(f"{k:16} {v}" for k, v in report.items()))
    return 0 if good else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--treadle", required=True, help="the server's binary")
    parser.add_argument("--rounds", type=int, default=20, help="how many times the server is killed (20)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", file=sys.stderr)
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
