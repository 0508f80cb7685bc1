"""An application for workers in their own processes: `python -m workers_app`, or its app."""

import asyncio
import os
import signal
import sys
import threading
import time
from pathlib import Path

import treadle
from treadle import Context

app = treadle.Treadle(
    queues=[os.environ.get("TEST_QUEUE", "programs")],
    concurrency=int(os.environ.get("TEST_SLOTS", "10")),
)


def note(context: Context, text: str) -> None:
    """For the test that looks on: files are seen, whatever becomes of this process."""
    if place := os.environ.get("TEST_NOTES"):
        with open(Path(place) / f"{context.id}.{text}", "a") as file:
            file.write("x")


@app.task
def echo(payload):
    return payload


@app.task
def spins(context: Context, seconds: float) -> str:
    """Computes without a pause, and never looks whether it is wanted."""
    note(context, "begun")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(1000))
    return "spun"


@app.task
async def never_awaits(context: Context, seconds: float) -> str:
    note(context, "begun")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(1000))
    return "spun"


@app.task
def waits(context: Context, seconds: float) -> str:
    note(context, "begun")
    context.sleep(seconds)
    return "waited"


@app.task
def naps(context: Context, seconds: float) -> None:
    """Deaf: nothing that is said to it is heard."""
    if seconds >= 1 and (place := os.environ.get("TEST_NOTES")):
        (Path(place) / f"{context.id}.pid").write_text(str(os.getpid()))
    note(context, "begun")
    time.sleep(seconds)


@app.task
def waits_for_a_file(context: Context, name: str) -> None:
    note(context, "begun")
    while not os.path.exists(name):
        time.sleep(0.005)


@app.task
def measures(text: str) -> int:
    return len(text)


@app.task
async def awaits(context: Context, seconds: float) -> str:
    note(context, "begun")
    await asyncio.sleep(seconds)
    return "waited"


@app.task(max_attempts=2, retry=treadle.Retry(backoff="fixed", base=0.01, jitter="none"))
def crashes(context: Context) -> None:
    note(context, "begun")
    os.kill(os.getpid(), signal.SIGKILL)


@app.task
def signals_its_thread() -> None:
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)


@app.task
def saves_a_step(context: Context) -> int:
    return context.step("pid", os.getpid)


@app.task
def which_process() -> int:
    return os.getpid()


if __name__ == "__main__":
    sys.exit(app.run_worker())
