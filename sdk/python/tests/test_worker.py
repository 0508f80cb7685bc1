"""Workers here against a real server: what handlers get, and what becomes of their tasks."""

import asyncio
import dataclasses
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import List

import pytest
from conftest import Pool, until

import treadle
from treadle import Context, Discard, Failure, Payload, Release, Snooze


@dataclasses.dataclass
class Receipt:
    total: float
    lines: List[str]


def test_results_of_every_kind_come_back(app, work):
    @app.task
    def add(a: int, b: int = 1) -> int:
        return a + b

    @app.task
    def receipt(total: float) -> Receipt:
        return Receipt(total, ["ä"])

    @app.task
    def image(data: bytes) -> bytes:
        return data[::-1]

    @app.task
    def typed(payload: Payload) -> Payload:
        return Payload(payload.data, "image/png")

    @app.task
    async def double(n: int) -> int:
        await asyncio.sleep(0)
        return 2 * n

    @app.task
    def nothing() -> None:
        pass

    work(app)
    handles = [
        add.enqueue(1, b=2),
        receipt.enqueue(2.5),
        image.enqueue(b"\0\1"),
        typed.enqueue(Payload(b"x")),
        double.enqueue(4),
    ]
    assert [each.result(20) for each in handles] == [
        3,
        Receipt(2.5, ["ä"]),
        b"\1\0",
        Payload(b"x", "image/png"),
        8,
    ]
    assert nothing.enqueue().result(20) is None
    assert [each.result(20) for each in add.enqueue_many([(1, 2), {"a": 5}, 7])] == [3, 6, 8]


def test_a_failure_is_tried_again_and_each_attempt_has_a_line(app, work):
    tries = []

    @app.task(retry=treadle.Retry(backoff="fixed", base=0.01, jitter="none"), max_attempts=3)
    def flaky(name: str) -> str:
        tries.append(name)
        if len(tries) < 3:
            raise KeyError(name)
        return "done"

    worker = work(app)
    handle = flaky.enqueue("x")
    assert handle.result(20) == "done"
    until(lambda: worker.text, lambda text: text.count("\n") >= 3)
    lines = worker.text.splitlines()
    assert lines[0].startswith(
        f"{handle.id} flaky failed (KeyError: 'x'), attempt 1 of 3, retrying in "
    )
    assert lines[2].startswith(f"{handle.id} flaky completed in ")
    log = app.client.log(handle.id, attempt=1)
    assert log.startswith("Traceback") and "raise KeyError(name)" in log and "runner.py" not in log


@pytest.mark.parametrize(
    "error,state,code",
    [
        (Failure("sold_out", "no more", retry=False), "dead", "sold_out"),
        (Discard("why not"), "cancelled", "discarded"),
        (ZeroDivisionError("never"), "dead", "ZeroDivisionError"),
        (SystemExit(3), "retrying", "SystemExit"),
        (Failure("later", retry_after=3600), "retrying", "later"),
        (Snooze(3600), "scheduled", ""),
        (Snooze(float("nan")), "retrying", "delay_invalid"),
    ],
)
def test_how_an_attempt_may_end(app, work, error, state, code):
    @app.task(
        never_retry=[ZeroDivisionError], retry=treadle.Retry(base=3600, cap=7200, jitter="none")
    )
    def ends() -> None:
        raise error

    work(app)
    handle = ends.enqueue()
    task = until(handle.info, lambda task: task.state == state)
    assert task.error_code == code
    if code == "later":
        assert 3500 < (task.next_attempt_at - task.started_at).total_seconds() < 3700


def test_a_released_task_spends_no_attempt(app, work):
    tries = []

    @app.task(max_attempts=1)
    def released() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise Release
        return len(tries)

    work(app)
    assert released.enqueue().result(20) == 3


@pytest.mark.parametrize(
    "payload,field", [({"n": "4"}, "payload.n"), ({}, "payload.n"), ({"n": 1, "m": 2}, "payload.m")]
)
def test_a_payload_that_does_not_fit_is_dead_at_once_and_names_the_field(app, work, payload, field):
    @app.task
    def takes(n: int) -> int:
        return n

    work(app)
    handle = app.client.enqueue("takes", payload, queue=app.queue)
    task = handle.wait(20)
    assert (task.state, task.error_code, task.attempt) == ("dead", "payload_invalid", 1)
    assert field in task.error_message


@pytest.mark.parametrize(
    "result,code,why",
    [
        (float("nan"), "result_invalid", "result"),
        ({"a": [float("inf")]}, "result_invalid", "result.a[0]"),
        (object(), "result_invalid", "object"),
        ("x" * (1 << 20), "result_too_large", "1048576"),
        (b"x" * ((1 << 20) + 1), "result_too_large", ""),
    ],
)
def test_a_result_that_cannot_be_kept_is_dead_at_once(app, work, result, code, why):
    @app.task
    def brings():
        return result

    work(app)
    task = brings.enqueue().wait(20)
    assert (task.state, task.error_code) == ("dead", code)
    assert why in task.error_message


def test_a_result_of_1_mib_is_kept(app, work):
    @app.task
    def brings() -> bytes:
        return b"x" * (1 << 20)

    work(app)
    assert len(brings.enqueue().result(20)) == 1 << 20


def test_steps_checkpoint_and_log_outlive_the_attempt(app, work):
    runs = []

    @app.task(retry=treadle.Retry(backoff="fixed", base=0.01, jitter="none"))
    def steps(context: Context) -> list:
        first = context.step("charge", lambda: runs.append("charge") or {"receipt": len(runs)})
        second = context.step("paper", lambda: Payload(b"\0", "image/png"))
        done = context.checkpoint(default=0)
        context.log(f"begins at {done}")
        if done < 2:
            context.save_checkpoint(done + 1)
            raise RuntimeError("again")
        return [first, second.content_type, done]

    work(app)
    handle = steps.enqueue()
    assert handle.result(20) == [{"receipt": 1}, "image/png", 2]
    assert runs == ["charge"]
    assert [app.client.log(handle.id, attempt=n).splitlines()[0] for n in (1, 2, 3)] == [
        f"begins at {n}" for n in (0, 1, 2)
    ]


def test_steps_and_checkpoint_of_a_coroutine(app, work):
    @app.task
    async def steps(context: Context) -> list:
        async def charge() -> int:
            await asyncio.sleep(0)
            return 7

        first = await context.astep("charge", charge)
        again = await context.astep("charge", lambda: 8)
        await context.asave_checkpoint({"at": 1})
        context.progress(0.5, "half")
        return [first, again, context.checkpoint()["at"]]

    work(app)
    assert steps.enqueue().result(20) == [7, 7, 1]


def test_a_step_that_is_too_large_fails_its_attempt_for_good(app, work):
    @app.task
    def large(context: Context) -> None:
        context.step("large", lambda: "x" * (1 << 20))

    work(app)
    task = large.enqueue().wait(20)
    assert (task.state, task.error_code) == ("dead", "step_not_saved")


def test_progress_is_seen_while_the_attempt_runs(app, work):
    seen = threading.Event()

    @app.task
    def works(context: Context) -> None:
        context.progress(0.25, "1 of 4")
        seen.wait(20)

    work(app)
    handle = works.enqueue()
    task = until(handle.info, lambda task: task.progress is not None)
    assert (task.progress, task.progress_message) == (0.25, "1 of 4")
    seen.set()


def test_logging_goes_to_the_task_log_of_its_own_attempt(app, work):
    @app.task
    def logs(n: int) -> None:
        logging.getLogger("app").warning("number %d ä", n)

    @app.task
    async def alogs(n: int) -> None:
        await asyncio.sleep(0)
        logging.getLogger("app").warning("number %d ä", n)

    work(app)
    handles = [logs.enqueue(n) for n in range(5)] + [alogs.enqueue(n) for n in range(5, 10)]
    for n, handle in enumerate(handles):
        handle.result(20)
        assert app.client.log(handle.id).rstrip().endswith(f"WARNING app: number {n} ä")


def test_a_sensitive_task_says_nothing_in_the_workers_log(app, work):
    @app.task(sensitive=True, max_attempts=1)
    def secret(word: str) -> None:
        raise ValueError(word)

    worker = work(app)
    secret.enqueue("hush-hush").wait(20)
    until(lambda: worker.text, lambda text: "dead" in text)
    assert "hush" not in worker.text and "failed, attempt 1 of 1, dead" in worker.text


def test_middleware_surrounds_its_kind_the_first_outermost(app, work):
    order = []

    @app.middleware
    def outer(context, call_next):
        order.append(f"outer {context.type}")
        return call_next() + 1

    @app.middleware
    def inner(context, call_next):
        order.append("inner")
        return call_next() * 10

    @app.middleware
    async def around(context, call_next):
        order.append("around")
        return await call_next() + 5

    @app.task
    def one() -> int:
        return 1

    @app.task
    async def two() -> int:
        return 2

    work(app)
    assert one.enqueue().result(20) == 11
    assert order == ["outer one", "inner"]
    assert two.enqueue().result(20) == 7
    assert order[2:] == ["around"]


def test_a_cancelled_task_stops_its_handler_and_is_cancelled(app, work):
    started, causes = threading.Event(), []

    @app.task
    def sleeps(context: Context) -> None:
        started.set()
        try:
            context.sleep(60)
        finally:
            causes.append(context.cancel_cause)

    work(app)
    handle = sleeps.enqueue()
    assert started.wait(20)
    handle.cancel("enough")
    with pytest.raises(treadle.TaskCancelledError):
        handle.result(20)
    assert causes == ["requested"]


def test_a_cancelled_coroutine_gets_asyncios_cancellation(app, work):
    started, seen = threading.Event(), []

    @app.task
    async def sleeps() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    work(app)
    handle = sleeps.enqueue()
    assert started.wait(20)
    handle.cancel()
    with pytest.raises(treadle.TaskCancelledError):
        handle.result(20)
    assert seen == ["cancelled"]


def test_a_cancelled_task_may_still_complete(app, work):
    started = threading.Event()

    @app.task
    def finishes(context: Context) -> str:
        started.set()
        context.token.wait(20)
        return "done all the same"

    work(app)
    handle = finishes.enqueue()
    assert started.wait(20)
    handle.cancel()
    assert handle.result(20) == "done all the same"


def test_an_attempt_that_takes_too_long_is_cancelled_and_has_failed(app, work):
    @app.task(timeout=0.05, max_attempts=1)
    def slow(context: Context) -> None:
        assert context.remaining() <= 0.05
        context.sleep(60)

    @app.task(timeout=0.05, max_attempts=1)
    async def aslow() -> None:
        await asyncio.sleep(60)

    @app.task(attempt_timeout=0.2, max_attempts=1)
    def by_the_server(context: Context) -> None:
        context.sleep(60)

    worker = work(app)
    for each in (slow.enqueue(), aslow.enqueue()):
        task = each.wait(20)
        assert (task.state, task.error_code, task.error_message) == (
            "dead",
            "timeout",
            "the attempt took longer than 50 ms",
        )
    task = by_the_server.enqueue().wait(20)
    assert (task.state, task.error_code in ("timeout", "attempt_timeout")) == ("dead", True)
    assert (
        "slow failed (timeout: the attempt took longer than 50 ms), attempt 1 of 1, dead"
        in worker.text
    )


def test_a_handler_that_never_returns_is_given_up_and_reported(app, work):
    release = threading.Event()

    @app.task(timeout=0.05, max_attempts=1)
    def deaf() -> None:
        release.wait(60)

    work(app, cancel_wait=0.1)
    task = deaf.enqueue().wait(20)
    release.set()
    assert (task.state, task.error_code) == ("dead", "timeout")
    assert "did not return" in task.error_message


def test_many_run_side_by_side_and_never_more_than_allowed(make_app, work):
    app = make_app(concurrency=4)
    lock, now, most, all_in = threading.Lock(), [0], [0], threading.Barrier(4)

    @app.task
    def together(n: int) -> int:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        all_in.wait(20)
        with lock:
            now[0] -= 1
        return n

    @app.task
    def quick(n: int) -> int:
        return n

    work(app)
    assert [each.result(30) for each in together.enqueue_many(range(8))] == list(range(8))
    assert most[0] == 4
    handles = quick.enqueue_many(range(3000))
    assert [handles[i].result(30) for i in (0, 1500, 2999)] == [0, 1500, 2999]


def test_coroutines_run_side_by_side(make_app, work):
    app = make_app(concurrency=50)
    all_in = {}

    @app.task
    async def together(n: int) -> int:
        all_in.setdefault("event", asyncio.Event())
        all_in["count"] = all_in.get("count", 0) + 1
        if all_in["count"] == 50:
            all_in["event"].set()
        await asyncio.wait_for(all_in["event"].wait(), 20)
        return n

    work(app)
    assert sum(each.result(30) for each in together.enqueue_many(range(50))) == sum(range(50))


def test_a_long_task_in_a_pool_of_its_own_keeps_no_short_one_waiting(make_app, work):
    app = make_app(concurrency=1)
    app.pool(Pool("slow", queues=[f"{app.queue}.slow"], concurrency=1))
    release = threading.Event()

    @app.task(pool="slow", queue=f"{app.queue}.slow")
    def slow() -> str:
        release.wait(30)
        return "slow"

    @app.task
    def quick() -> str:
        return "quick"

    work(app)
    long = slow.enqueue()
    until(long.info, lambda task: task.state == "running")
    assert long.info().worker.endswith(".slow")
    assert quick.enqueue().result(20) == "quick"
    release.set()
    assert long.result(20) == "slow"


def test_leases_that_were_fetched_ahead_go_back_when_tasks_turn_out_long(make_app, work):
    app = make_app(concurrency=2)
    release = threading.Event()

    @app.task
    def mixed(n: int) -> int:
        if n < 0:
            release.wait(30)
        return n

    work(app)
    for each in mixed.enqueue_many(range(1000)):
        last = each
    last.result(30)
    blocked = mixed.enqueue_many([-1, -1])
    waiting = mixed.enqueue_many(range(50))
    until(lambda: [each.info().state for each in blocked], lambda states: states == ["running"] * 2)
    until(lambda: {each.info().state for each in waiting}, lambda states: states == {"ready"})
    release.set()
    assert [each.result(30) for each in waiting] == list(range(50))


def test_contracts_come_from_types_and_are_registered_before_the_first_task(app, work, server):
    @dataclasses.dataclass
    class Item:
        name: str
        price: float = 0.0

    @app.task(contract=treadle.Contract(version=3, error_codes={"sold_out": "never"}, priority=7))
    def order(items: List[Item], note: str = "") -> float:
        return sum(each.price for each in items)

    @app.task(
        contract=treadle.Contract(
            input_schema={"type": "object", "required": ["x"]}, output_schema=None
        )
    )
    def given(x: int) -> int:
        raise Failure("other")

    work(app)
    handle = order.enqueue([Item("a", 2.5)])
    assert handle.result(20) == 2.5, "contracts are registered before the worker asks for tasks"
    contract = server.get("/v1/types/order").json["contracts"][0]
    assert (contract["version"], contract["defaults"]) == (3, {"priority": 7})
    assert contract["output_schema"] == {"type": "number"}
    with pytest.raises(
        treadle.InvalidArgumentError, match=r"payload.items\[0\].price must be a number"
    ):
        app.client.enqueue("order", {"items": [{"name": "a", "price": "12"}]}, queue=app.queue)
    assert order.enqueue([Item("a", 2.5)]).info().raw["contract_version"] == 3
    with pytest.raises(treadle.InvalidArgumentError):
        app.client.enqueue("given", {}, queue=app.queue)


def test_a_contract_that_the_server_refuses_ends_the_worker(app, work):
    @app.task(contract=treadle.Contract(input_schema={"type": "odd"}))
    def odd() -> None:
        pass

    worker = work(app)
    worker.thread.join(20)
    assert worker.error.code == "INVALID_ARGUMENT" and "input_schema.type" in worker.error.detail


def test_wrong_pools_and_empty_applications_are_refused(make_app, work):
    app = make_app()
    worker = work(app)
    worker.thread.join(20)
    assert "no task" in worker.error.detail

    @app.task(pool="none")
    def nowhere() -> None:
        pass

    worker = work(app)
    worker.thread.join(20)
    assert 'the pool "none"' in worker.error.detail


def test_a_worker_with_ten_idle_handlers_costs_less_than_a_hundredth_of_a_core(
    server, program, tmp_path
):
    env = {"TEST_QUEUE": "idle", "TEST_NOTES": str(tmp_path)}
    worker = program(server.url, "-m", "workers_app", env=env)
    client = treadle.Treadle(server.url).client
    handles = client.enqueue_many("waits", [{"seconds": 600}] * 10, queue="idle")
    for each in handles:
        until((tmp_path / f"{each.id}.begun").exists)

    def seconds():
        threads = Path(f"/proc/{worker.process.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in threads) / 1e9

    before, begun = seconds(), time.monotonic()
    time.sleep(1)  # what is measured is time that passes
    assert seconds() - before < 0.01 * (time.monotonic() - begun)


def test_tasks_go_on_when_enqueued_by_many_threads(app, work):
    @app.task
    def echo(n: int) -> int:
        return n

    work(app)
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda n: echo.enqueue(n).result(30), range(200))) == list(
            range(200)
        )
