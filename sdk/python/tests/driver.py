"""The driver of the Python SDK for tests/sdk/conformance.py: commands on standard input, answers on
standard output. `driver.py worker SERVER QUEUE GRACE_MS` is a worker until a signal."""

import base64
import collections
import datetime
import json
import logging
import math
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import treadle  # noqa: E402
from treadle import Context, Contract, Discard, Failure, Payload, Pool, Release, Snooze  # noqa: E402
from treadle.worker.worker import Worker  # noqa: E402

app = treadle.Treadle()
app.pool(Pool("own", concurrency=1))
runs, lines, running = collections.Counter(), [], []
entered = threading.local()


@app.middleware
def count(context, call_next):
    runs[context.id] += 1
    return call_next()


def named(name):
    @app.middleware
    def note(context, call_next):
        entered.names = [*getattr(entered, "names", []), name]
        try:
            return call_next()
        finally:
            entered.names.pop()


named("outer")
named("inner")


@app.task
def echo(payload: Payload) -> Payload:
    return payload


@app.task
def fail(code: str, message: str, retry: bool, retry_after_ms: int = None):
    raise Failure(
        code,
        message,
        retry=retry,
        retry_after=None if retry_after_ms is None else retry_after_ms / 1000,
    )


@app.task
def flaky(context: Context, succeeds_at: int) -> int:
    if context.attempt < succeeds_at:
        raise Failure("flaky", "not yet")
    return context.attempt


@app.task
def traced(context: Context):
    if context.attempt == 1:
        raise Failure("again")
    return context.traceparent


@app.task(name="raise")
def raises(message: str):
    raise RuntimeError(message)


@app.task
def snooze(context: Context, delay_ms: int) -> int:
    if runs[context.id] == 1:
        raise Snooze(delay_ms / 1000)
    return context.attempt


@app.task
def release(context: Context) -> int:
    if runs[context.id] == 1:
        raise Release
    return context.attempt


@app.task
def discard(reason: str):
    raise Discard(reason)


@app.task
def steps(context: Context) -> int:
    charged = context.step("charge", lambda: runs[context.id])
    if context.attempt == 1:
        raise Failure("again")
    return charged


@app.task
def checkpoint(context: Context) -> int:
    found = context.checkpoint(default=0)
    if context.attempt < 3:
        context.save_checkpoint(context.attempt)
        raise Failure("again")
    return found


@app.task
def logs(lines: list) -> None:
    for each in lines:
        logging.getLogger("driver").warning(each)


@app.task
def wait(context: Context, ms: int) -> str:
    context.sleep(ms / 1000)
    return "waited"


@app.task
def progress(context: Context, fraction: float, message: str, ms: int) -> str:
    context.progress(fraction, message)
    context.sleep(ms / 1000)
    return "waited"


@app.task
def deadlines(context: Context) -> dict:
    left, task = context.remaining(), context.task_deadline
    until = (
        None
        if task is None
        else (task - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    )
    return {
        "attempt": None if left is None else math.ceil(left / 10),
        "task": None if until is None else math.ceil(until / 10),
    }


@app.task
def deaf(context: Context, ms: int) -> int:
    time.sleep(ms / 1000)
    return runs[context.id]


@app.task
def spin(ms: int) -> str:
    end = time.monotonic() + ms / 1000
    while time.monotonic() < end:
        pass
    return "computed"


@app.task
def around() -> list:
    return list(entered.names)


@app.task(pool="own")
def own(context: Context) -> str:
    return context.queue


@app.task(contract=Contract())
def agreed(count: int) -> int:
    return count


@app.task
def nan() -> float:
    return float("nan")


@app.task
def chars(count: int) -> str:
    return "x" * count


@app.task
def typed(count: int) -> int:
    return count


REFUSED = {"nan": float("nan"), "infinity": float("inf"), "lone_surrogate": "\ud800"}
DURATIONS = {
    "delay_ms": "delay",
    "expires_ms": "expires",
    "deadline_ms": "deadline",
    "attempt_timeout_ms": "attempt_timeout",
}
POLICY = {"backoff_base_ms": "base", "backoff_cap_ms": "cap", "total_ms": "total"}
OTHER_NAMES = {"idempotency_key": "key"}


def options_of(fields):
    """From the names of the API to those of the SDK."""
    options = {}
    for name, value in (fields or {}).items():
        if name in DURATIONS:
            options[DURATIONS[name]] = value / 1000
        elif name == "retry":
            options["retry"] = retry_of(value)
        elif name == "run_at":
            options[name] = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        else:
            options[OTHER_NAMES.get(name, name)] = value
    return {"queue": app.pools[""].queues[0], **options}


def retry_of(fields):
    policy = {
        POLICY.get(each, each): part / 1000 if each in POLICY else part
        for each, part in fields.items()
    }
    if "delays_ms" in policy:
        policy["delays"] = [each / 1000 for each in policy.pop("delays_ms")]
    return treadle.Retry(**policy)


def shown(value):
    if isinstance(value, Payload):
        return {"base64": base64.b64encode(value.data).decode(), "content_type": value.content_type}
    return value


def hello(server, queue):
    runs.clear()
    lines.clear()
    app.client = treadle.Client(server)
    app.pools[""].queues = [queue]
    app.pools["own"].queues = [f"{queue}.own"]


def work(concurrency=10, grace_ms=25_000, workers=1):
    app.pools[""].concurrency = concurrency
    for _ in range(workers):
        made = Worker(
            app,
            treadle.WorkerSettings(
                shutdown_grace=grace_ms / 1000,
                json_lines=False,
                lines=lambda text: lines.extend(text.splitlines()),
            ),
        )
        thread = threading.Thread(target=made.run, daemon=True)
        thread.start()
        running.append((made, thread))


def stop():
    for made, _ in running:
        made.stop()
    while running:
        running.pop()[1].join()


def enqueue(type, payload=None, payload_base64=None, content_type=None, options=None):
    if payload_base64 is not None:
        payload = Payload(base64.b64decode(payload_base64), content_type)
    return app.client.enqueue(type, payload, **options_of(options)).id


def enqueue_many(type, payloads):
    return [each.id for each in app.client.enqueue_many(type, payloads, **options_of(None))]


def enqueue_nowait(type, payloads):
    futures = [app.client.enqueue_nowait(type, each, **options_of(None)) for each in payloads]
    app.client.flush()
    return [each.result(0).id for each in futures]


def leave(type, payloads):
    for each in payloads:
        app.client.enqueue_nowait(type, each, **options_of(None))


def enqueue_apart(type, payloads):
    with ThreadPoolExecutor(32) as threads:
        return list(threads.map(lambda each: enqueue(type, each), payloads))


def get(task):
    found = app.client.get(task)
    names = "id type queue state attempt max_attempts error_code error_message"
    shown = {name: getattr(found, name) for name in names.split()}
    progress = {"progress": found.progress, "progress_message": found.progress_message}
    return {"tags": list(found.tags), **shown, **progress}


def list_tasks(**filters):
    return [
        each.id for each in app.client.all_tasks(queue=app.pools[""].queues[0], limit=1, **filters)
    ]


def answer(do, words):
    client = app.client
    calls = {
        "hello": hello,
        "work": work,
        "stop": stop,
        "enqueue": enqueue,
        "enqueue_many": enqueue_many,
        "enqueue_nowait": enqueue_nowait,
        "enqueue_apart": enqueue_apart,
        "leave": leave,
        "get": get,
        "list": list_tasks,
        "lines": lambda: list(lines),
        "now": lambda: round(time.time() * 1000),
        "result": lambda task, timeout_ms: shown(client.result(task, timeout_ms / 1000)),
        "cancel": lambda task: client.cancel(task),
        "redrive": lambda task: client.redrive(task),
        "runs": lambda: dict(runs),
        "refused": lambda value: client.enqueue("refused", {"x": REFUSED[value]}).id,
    }
    try:
        return {"ok": calls[do](**words)}
    except treadle.TaskError as error:
        return {"error": {"code": error.state.upper(), "error_code": error.error_code}}
    except treadle.TreadleError as error:
        after = error.retry_after
        return {
            "error": {
                "code": error.code,
                "field": error.field,
                "retry_after_ms": None if after is None else round(after * 1000),
            }
        }


def run_worker(server, queue, grace_ms):
    app.settings.shutdown_grace = int(grace_ms) / 1000
    hello(server, queue)
    sys.exit(app.run_worker())


def main():
    if sys.argv[1:2] == ["worker"]:
        run_worker(*sys.argv[2:])
    for line in sys.stdin:
        words = json.loads(line)
        print(json.dumps(answer(words.pop("do"), words)), flush=True)


if __name__ == "__main__":
    main()
