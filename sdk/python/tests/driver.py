"""The driver of the Python SDK for tests/sdk/conformance.py: commands on standard input, answers on standard output."""

import base64
import collections
import json
import logging
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import treadle  # noqa: E402
from treadle import Context, Discard, Failure, Payload, Release, Snooze  # noqa: E402
from treadle.worker.worker import Worker  # noqa: E402

app = treadle.Treadle()
runs, worker = collections.Counter(), []


@app.middleware
def count(context, call_next):
    runs[context.id] += 1
    return call_next()


@app.task
def echo(payload: Payload) -> Payload:
    return payload


@app.task
def fail(code: str, message: str, retry: bool, retry_after_ms: int = None):
    raise Failure(code, message, retry=retry, retry_after=None if retry_after_ms is None else retry_after_ms / 1000)


@app.task
def flaky(context: Context, succeeds_at: int) -> int:
    if context.attempt < succeeds_at:
        raise Failure("flaky", "not yet")
    return context.attempt


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
def nan() -> float:
    return float("nan")


@app.task
def typed(count: int) -> int:
    return count


REFUSED = {"nan": float("nan"), "infinity": float("inf"), "lone_surrogate": "\ud800"}
DURATIONS = {"delay_ms": "delay", "expires_ms": "expires", "deadline_ms": "deadline", "attempt_timeout_ms": "attempt_timeout"}
POLICY = {"backoff_base_ms": "base", "backoff_cap_ms": "cap", "total_ms": "total"}


def options_of(fields):
    """From the names of the API to those of the SDK."""
    options = {}
    for name, value in (fields or {}).items():
        if name in DURATIONS:
            options[DURATIONS[name]] = value / 1000
        elif name == "retry":
            policy = {POLICY.get(each, each): part / 1000 if each in POLICY else part for each, part in value.items()}
            options["retry"] = treadle.Retry(**policy)
        else:
            options["key" if name == "idempotency_key" else name] = value
    return {"queue": app.pools[""].queues[0], **options}


def shown(value):
    if isinstance(value, Payload):
        return {"base64": base64.b64encode(value.data).decode(), "content_type": value.content_type}
    return value


def hello(server, queue):
    runs.clear()
    app.client = treadle.Client(server)
    app.pools[""].queues = [queue]


def work(concurrency=10):
    app.pools[""].concurrency = concurrency
    made = Worker(app, treadle.WorkerSettings(quiet=True))
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    worker.append((made, thread))


def stop():
    if worker:
        made, thread = worker.pop()
        made.stop()
        thread.join()


def enqueue(type, payload=None, payload_base64=None, content_type=None, options=None):
    if payload_base64 is not None:
        payload = Payload(base64.b64decode(payload_base64), content_type)
    return app.client.enqueue(type, payload, **options_of(options)).id


def enqueue_many(type, payloads):
    return [each.id for each in app.client.enqueue_many(type, payloads, **options_of(None))]


def answer(do, words):
    client = app.client
    calls = {
        "hello": hello, "work": work, "stop": stop, "enqueue": enqueue, "enqueue_many": enqueue_many,
        "result": lambda task, timeout_ms: shown(client.result(task, timeout_ms / 1000)),
        "cancel": lambda task: client.cancel(task), "redrive": lambda task: client.redrive(task), "runs": lambda: dict(runs),
        "refused": lambda value: client.enqueue("refused", {"x": REFUSED[value]}).id,
    }
    try:
        return {"ok": calls[do](**words)}
    except treadle.TaskError as error:
        return {"error": {"code": error.state.upper(), "error_code": error.error_code}}
    except treadle.TreadleError as error:
        after = error.retry_after
        return {"error": {"code": error.code, "field": error.field, "retry_after_ms": None if after is None else round(after * 1000)}}


def main():
    for line in sys.stdin:
        words = json.loads(line)
        print(json.dumps(answer(words.pop("do"), words)), flush=True)


if __name__ == "__main__":
    main()
