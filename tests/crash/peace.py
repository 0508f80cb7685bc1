"""The end of a run: no more faults, every waiting task must end, and the final state is written down."""

import datetime
import time

import notebook
from api import Api, now
from producer import QUEUES, TYPES
from worker import Worker

WAITING = ("scheduled", "ready", "running", "retrying")


def queues_of(api):
    answer = api.until_answered("GET", "/v1/queues")
    assert answer[0] == 200, answer
    return answer[1]["queues"]


def drain(port, path, rng, seconds, types=TYPES, is_there=lambda: True):
    """Works until no task waits anymore. False if that takes too long."""
    end, api = time.monotonic() + seconds, Api(port)
    book = notebook.Notebook(path)
    worker = Worker(port, path, "peace", rng.getrandbits(32), lambda: time.monotonic() < end, busy_s=(0,))
    worker.types = types
    api.is_there = worker.api.is_there = is_there
    for queue in QUEUES:
        book.write("pausing", action="resume", queue=queue)
        assert api.until_answered("POST", f"/v1/queues/{queue}/resume")[0] in (200, 404)
    while time.monotonic() < end:
        worker.exchange(0 if worker.reports else 100)
        worker.work()
        if not worker.held and not any(queue["tasks"][state] for queue in queues_of(api) for state in WAITING):
            return True
    return False


def wait_for_the_store(api, seconds=60):
    """Lists come from the store, which lags behind. Waits until it has everything acknowledged before this call."""
    since = datetime.datetime.now(datetime.timezone.utc)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = api.until_answered("GET", "/v1/tasks?limit=1")
        as_of = answer[1].get("as_of", "1970-01-01T00:00:00Z")  # a rejection has none
        if datetime.datetime.fromisoformat(as_of.replace("Z", "+00:00")) > since:
            return
        time.sleep(0.02)
    raise AssertionError(f"the store did not catch up within {seconds} s")


def look_at_everything(port, path, accepted, is_there=lambda: True):
    """Writes down every listed task, and every accepted but unlisted task as the server returns it by ID."""
    api, book, listed, cursor = Api(port, timeout_s=60), notebook.Notebook(path), set(), ""
    api.is_there = is_there
    wait_for_the_store(api)
    while cursor is not None:
        asked = now()
        answer = api.until_answered("GET", f"/v1/tasks?limit=1000{cursor and '&cursor=' + cursor}")
        assert answer[0] == 200, answer
        for task in answer[1]["tasks"]:
            listed.add(task["id"])
            book.write("ended", asked=asked, task=task["id"], told=task)
        cursor = answer[1].get("next_cursor")
    for task in sorted(accepted - listed):
        asked = now()
        answer = api.until_answered("GET", f"/v1/tasks/{task}")
        book.write("ended", asked=asked, task=task, told=answer[1] if answer[0] == 200 else None)
    book.write("ended_queues", queues=queues_of(api))
    return listed
