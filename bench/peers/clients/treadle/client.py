"""client.py enqueue|drain|latency --port N [--name value]...: Treadle by its Python SDK; prints one JSON object.

bench/peers/clients/README.md has the options. Producers and workers have a process for each core, as those of Celery.
"""

import argparse
import json
import multiprocessing
import os
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "sdk/python"))

import treadle  # noqa: E402
from treadle.worker.worker import Worker  # noqa: E402

CORES = os.cpu_count()
CONCURRENCY = 100
LONGEST_DELAY_S = 5  # of a task behind the end of a measurement of latency
TYPE = "task"


def payload_of(number, size):
    return f"{number} ".ljust(size, ".")


def client_of(options):
    return treadle.Client(f"http://127.0.0.1:{options.port}", connections=max(options.callers or 1, 4))


def in_each_process(work, options, *more):
    """Calls work(options, barrier, results, *more) in a process for each core. The time when all begin, and what each returns."""
    barrier, results = multiprocessing.Barrier(CORES + 1), multiprocessing.Queue()
    processes = [
        multiprocessing.Process(target=work, args=(options, barrier, results, *more)) for _ in range(CORES)
    ]
    for process in processes:
        process.start()
    barrier.wait()
    return time.monotonic(), results, processes


# ---- producers ----


def call(client, options, share):
    """One caller: calls until time is over or its share is sent. Returns how many tasks."""
    sent, end = 0, time.monotonic() + options.seconds
    while sent < share and time.monotonic() < end:
        if options.batch == 1:
            client.enqueue(TYPE, payload_of(sent, options.payload))
        else:
            client.enqueue_many(TYPE, [payload_of(sent + i, options.payload) for i in range(options.batch)])
        sent += options.batch
    return sent


def produce(options, barrier, results):
    """One process's part."""
    client, sent = client_of(options), []
    threads = max(1, options.callers // CORES)
    share = options.tasks / (CORES * threads) if options.tasks else float("inf")
    callers = [
        threading.Thread(target=lambda: sent.append(call(client, options, share))) for _ in range(threads)
    ]
    client.info()  # it is connected
    barrier.wait()
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    results.put((sum(sent), time.monotonic()))


def enqueue(options):
    begun, results, processes = in_each_process(produce, options)
    told = [results.get() for _ in processes]
    for process in processes:
        process.join()
    return {"tasks": sum(sent for sent, _ in told), "seconds": max(ended for _, ended in told) - begun}


# ---- workers ----


def work(options, barrier, ended, stop):
    """One process's worker. Returns [(due, started)] of its tasks, in nanoseconds."""
    app, times = treadle.Treadle(f"http://127.0.0.1:{options.port}", concurrency=CONCURRENCY), []

    @app.task(name=TYPE)
    def start(payload: str) -> None:
        if options.verb == "latency":
            times.append((int(payload.partition(" ")[0]), time.monotonic_ns()))

    worker = Worker(app, treadle.WorkerSettings(quiet=True, name=f"worker-{os.getpid()}"))
    barrier.wait()
    threading.Thread(target=lambda: (stop.wait(), worker.stop()), daemon=True).start()
    worker.run()
    ended.put(times)


def left(client):
    """How many tasks the server has not been told the end of."""
    tasks = client._json("GET", "/v1/queues/default")["tasks"]
    return tasks["ready"] + tasks["running"]


def drain(options):
    """A task counts once the server has acknowledged its end."""
    client, stop = client_of(options), multiprocessing.Event()
    begun, ended, processes = in_each_process(work, options, stop)
    end = begun + options.seconds
    while (waiting := left(client)) > 0 and time.monotonic() < end:
        time.sleep(0.005)
    answer = {"tasks": options.tasks - waiting, "seconds": time.monotonic() - begun}
    stop.set()
    for _ in processes:
        ended.get()
    return answer


def latency(options):
    """A task is due at its place in a fixed schedule, which waits for none before it; its payload tells when."""
    client, stop, count = client_of(options), multiprocessing.Event(), int(options.seconds * options.rate)
    _, ended, processes = in_each_process(work, options, stop)
    begun = time.monotonic_ns()
    for number in range(count):
        due = begun + number * 10**9 // options.rate
        time.sleep(max(0, due - time.monotonic_ns()) / 1e9)
        client.enqueue_nowait(TYPE, payload_of(due, options.payload))
    client.flush()
    end = time.monotonic() + LONGEST_DELAY_S
    while left(client) > 0 and time.monotonic() < end:
        time.sleep(0.005)
    stop.set()
    times = [each for _ in processes for each in ended.get()]
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
    print(json.dumps({"enqueue": enqueue, "drain": drain, "latency": latency}[options.verb](options)))


if __name__ == "__main__":
    main()
