"""Tests without a server play the server's part as they say."""

import asyncio
import datetime

import pytest

import treadle
from treadle import Context, Discard, Failure, Release, Snooze
from treadle.pytest_plugin import treadle_in_memory  # noqa: F401
from treadle.testing import InMemory

UTC = datetime.timezone.utc
START = datetime.datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def app():
    return treadle.Treadle()


@pytest.fixture
def memory(app, treadle_in_memory):  # noqa: F811
    return treadle_in_memory(app, now=START)


def test_a_task_runs_when_told_and_its_result_is_typed(app, memory):
    @app.task
    def resize(path: str, width: int = 100) -> str:
        return f"{path}@{width}"

    @app.task
    async def double(n: int) -> int:
        await asyncio.sleep(0)
        return 2 * n

    one, two = resize.enqueue("a.png", width=3), double.enqueue(4)
    assert [each.state for each in memory.tasks] == ["ready", "ready"]
    assert memory.run() == 2
    assert (one.result(), two.result()) == ("a.png@3", 8)
    assert memory.tasks[0].payload == {"path": "a.png", "width": 3}


def test_a_trace_reaches_the_handler_and_makes_no_other_request(app, memory):
    @app.task
    def inner() -> str:
        return treadle.current().traceparent

    @app.task
    def outer(context: Context) -> str:
        return context.traceparent + " " + inner.enqueue().id

    first = outer.options(key="k", traceparent="first").enqueue()
    assert outer.options(key="k", traceparent="second").enqueue().id == first.id
    memory.run()
    trace, made = first.result().split()
    traces = trace, memory.task(made).result, first.info().traceparent
    assert traces == ("first", "first", "first")


def test_inline_runs_at_once_and_what_handlers_enqueue_too(app, treadle_in_memory):  # noqa: F811
    order = []

    @app.task
    def child(n: int) -> None:
        order.append(n)

    @app.task
    def parent() -> None:
        child.enqueue(1)
        child.enqueue_many([2, 3])
        order.append("parent")

    memory = treadle_in_memory(app, inline=True)
    parent.enqueue()
    assert order == ["parent", 1, 2, 3]
    assert {each.state for each in memory.tasks} == {"completed"}


def test_retries_wait_by_the_driven_clock_and_end_dead(app, memory):
    tries = []

    @app.task(max_attempts=3)
    def flaky() -> None:
        tries.append((memory.now - START).total_seconds())
        raise KeyError("x")

    handle = flaky.enqueue()
    memory.run()
    assert (handle.info().state, handle.info().next_attempt_at) == (
        "retrying",
        START + datetime.timedelta(seconds=0.5),
    )
    memory.advance(0.4)
    assert tries == [0]
    memory.advance(3600)
    assert tries == [0, 0.5, 1.5]
    assert (memory.task(handle.id).state, memory.task(handle.id).error_code) == ("dead", "KeyError")
    assert "KeyError: 'x'" in app.client.log(handle.id)
    with pytest.raises(treadle.TaskDeadError):
        handle.result()
    assert handle.redrive() == "ready"


@pytest.mark.parametrize(
    "retry,waits",
    [
        (treadle.Retry(backoff="listed", delays=[1, 5]), [1, 6, 11]),
        (treadle.Retry(backoff="fixed", base=2), [2, 4, 6]),
        (treadle.Retry(backoff="linear", base=1, cap=2), [1, 3, 5]),
        (treadle.Retry(base=1, total=4), [1, 3]),
    ],
)
def test_policies_are_kept(app, memory, retry, waits):
    tries = []

    @app.task(retry=retry, retries=3)
    def flaky() -> None:
        tries.append((memory.now - START).total_seconds())
        raise KeyError

    flaky.enqueue()
    memory.advance(3600)
    assert tries == [0, *waits]


def test_every_way_to_end(app, memory):
    done = []

    @app.task(retry=treadle.Retry(never=["bad"]))
    def ends(how: str) -> str:
        done.append(how)
        if done.count(how) > 1:
            return how
        raise {
            "snooze": Snooze(10),
            "discard": Discard("no"),
            "release": Release(),
            "bad": Failure("bad"),
            "later": Failure("later", retry_after=7),
        }[how]

    handles = {how: ends.enqueue(how) for how in ("snooze", "discard", "release", "bad", "later")}
    memory.run()
    assert {how: each.info().state for how, each in handles.items()} == {
        "snooze": "scheduled",
        "discard": "cancelled",
        "release": "completed",
        "bad": "dead",
        "later": "retrying",
    }
    memory.advance(10)
    assert handles["snooze"].result() == "snooze" and handles["snooze"].info().attempt == 1
    assert handles["later"].info().attempt == 2


def test_time_priority_expiry_and_deadline(app, memory):
    order = []

    @app.task
    def note(name: str) -> None:
        order.append(name)

    note.options(delay=10).enqueue("later")
    note.options(run_at=START + datetime.timedelta(seconds=5)).enqueue("soon")
    note.options(priority=1).enqueue("low")
    note.options(priority=9).enqueue("high")
    late = note.options(delay=20, expires=15).enqueue("expired")
    dead = note.options(delay=20, deadline=15).enqueue("dead")
    memory.advance(60)
    assert order == ["high", "low", "soon", "later"]
    assert (late.info().state, dead.info().state) == ("expired", "dead")


def test_keys_admit_one_task_for_their_time(app, memory):
    @app.task
    def once(n: int) -> int:
        return n

    keyed = once.options(key="k", key_window=60)
    one = keyed.enqueue(1)
    assert keyed.enqueue(1).id == one.id
    with pytest.raises(treadle.AlreadyExistsError):
        keyed.enqueue(2)
    memory.advance(61)
    assert keyed.enqueue(2).id != one.id
    unique = once.options(key="u", unique_while="done", on_duplicate="refuse", delay=5)
    unique.enqueue(1)
    with pytest.raises(treadle.AlreadyExistsError):
        unique.enqueue(1)
    memory.advance(5)
    unique.enqueue(1)


def test_steps_checkpoint_and_cancellation(app, memory):
    runs = []

    @app.task
    def works(context: Context) -> int:
        context.step("charge", lambda: runs.append(1))
        at = context.checkpoint(default=0)
        context.save_checkpoint(at + 1)
        if at < 2:
            raise KeyError
        return at

    @app.task
    def cancels_itself(context: Context) -> None:
        app.client.cancel(context.id, "enough")
        context.check()

    handle, cancelled = works.enqueue(), cancels_itself.enqueue()
    memory.advance(60)
    assert (handle.result(), runs) == (2, [1])
    with pytest.raises(treadle.TaskCancelledError, match="enough"):
        cancelled.result()


def test_a_task_that_releases_itself_for_ever_is_found(app, memory):
    @app.task
    def forever() -> None:
        raise Release

    forever.enqueue()
    with pytest.raises(AssertionError, match="never ends"):
        memory.run()


def test_the_applications_own_client_is_back_afterwards(app):
    own = app.client
    with InMemory(app):
        assert app.client is not own
    assert app.client is own


def test_bytes_and_lists(app, memory):
    @app.task(tags=["t"])
    def image(data: bytes) -> bytes:
        return data[::-1]

    handle = image.enqueue(b"\0\1")
    assert app.client.payload(handle.id).data == b"\0\1"
    assert handle.result() == b"\1\0"
    assert [each.id for each in app.client.list_tasks(tag="t", state="completed")] == [handle.id]
    assert not list(app.client.list_tasks(tag="other"))


def test_a_task_that_calls_another_lends_it_its_context(app, memory):
    @app.task
    def inner(context: Context, n: int) -> str:
        return f"{context.type} {n}"

    @app.task
    def outer() -> list:
        return [inner(1), inner(n=2)]

    @app.task
    async def aouter() -> int:
        return await ainner(3)

    @app.task
    async def ainner(n: int) -> int:
        return n

    assert outer.enqueue().result() == ["outer 1", "outer 2"]
    assert aouter.enqueue().result() == 3
    with pytest.raises(LookupError):
        inner(1)


def test_without_waiting_stays_in_memory(app, memory):
    @app.task
    def note(n: int) -> int:
        return n

    future = note.enqueue_nowait(1)
    assert app.client.flush() and memory.run() == 1
    assert memory.task(future.result().id).result == 1
