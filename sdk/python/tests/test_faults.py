"""Servers that die, answers that are lost, leases that are lost, handlers that never yield."""

import os
import signal
import threading

import pytest
from conftest import Proxy, e2e, until

import treadle
from treadle import Context
from treadle.wire import ITEMS_MAX
from treadle.worker import station


def short_leases(server, queue, lease_ms=1500):
    """A worker hears of a lost lease when it renews again, which is after a third of this."""
    assert server.call("PUT", f"/v1/queues/{queue}", {"lease_ms": lease_ms}).status == 200


def test_a_server_that_is_killed_while_tasks_run_loses_nothing(start_server, make_app, work):
    server = start_server()
    app = make_app(server.url)
    running, go_on, runs = threading.Barrier(4), threading.Event(), []

    @app.task
    def long(n: int) -> int:
        runs.append(n)
        running.wait(20)
        go_on.wait(20)
        return n

    @app.task
    async def along(n: int) -> int:
        return n

    worker = work(app)
    handles = long.enqueue_many(range(3))
    running.wait(20)
    server.kill()
    go_on.set()
    until(lambda: worker.text, lambda text: "trying again until it answers" in text)
    server.restart()
    assert [each.result(30) for each in handles] == [0, 1, 2]
    assert sorted(runs) == [0, 1, 2], "each ran once: the leases outlived the server"
    assert along.enqueue(5).result(20) == 5
    assert "the server is back after" in worker.text


def test_a_server_that_restarts_under_load_runs_every_task(start_server, make_app, work):
    server = start_server()
    app = make_app(server.url)
    done, lock = [], threading.Lock()

    @app.task
    def count(n: int) -> int:
        with lock:
            done.append(n)
        return n

    work(app)
    handles = count.enqueue_many(range(2000))
    until(lambda: len(done), lambda number: number > 100)
    server.kill()
    server.restart()
    for handle in handles[-5:]:
        handle.result(40)
    queue = until(
        lambda: server.queue(app.queue), lambda queue: queue["tasks"]["completed"] == 2000
    )
    assert queue["tasks"]["dead"] == queue["tasks"]["retrying"] == 0
    assert set(done) == set(range(2000))


@pytest.mark.parametrize("lost", [1, 3])
def test_a_lost_answer_of_an_exchange_runs_nothing_twice(server, make_app, work, lost):
    with Proxy(server.port) as proxy:
        app = make_app()
        behind = make_app(proxy.url)
        runs, lock = [], threading.Lock()

        @behind.task
        def once(n: int) -> int:
            with lock:
                runs.append(n)
            return n

        handles = [app.client.enqueue("once", {"n": n}, queue=behind.queue) for n in range(20)]
        proxy.lose("/v1/exchange", lost)
        work(behind)
        assert [each.result(30) for each in handles] == list(range(20))
        proxy.lose("/v1/exchange", lost)
        handles = [app.client.enqueue("once", {"n": n}, queue=behind.queue) for n in range(20, 40)]
        assert [each.result(30) for each in handles] == list(range(20, 40))
        assert sorted(runs) == list(range(40))
        assert {each.info().attempt for each in handles} == {1}


def test_connections_that_break_all_the_time_delay_but_lose_nothing(server, make_app, work):
    with Proxy(server.port) as proxy:
        app = make_app(proxy.url)

        @app.task
        def echo(context: Context, n: int) -> int:
            context.sleep(0.02)
            return n

        work(app)
        handles = echo.enqueue_many(range(300))
        for _ in range(8):
            seen = len(proxy.requests)
            proxy.cut()
            until(lambda: len(proxy.requests), lambda number, seen=seen: number > seen)
        assert [each.result(40) for each in handles] == list(range(300))


def test_a_lost_lease_cancels_its_handler_and_its_late_result_is_dropped(server, make_app, work):
    app = make_app()
    started, cut, causes, results = threading.Event(), threading.Event(), [], iter(["late", "good"])

    @app.task
    def works(context: Context) -> str:
        result = next(results)
        started.set()
        if result == "late":
            context.token.wait(20)
            causes.append(context.cancel_cause)
            cut.set()
        return result

    worker = work(app)
    handle = works.enqueue()
    assert started.wait(20)
    server.post(f"/v1/tasks/{handle.id}/release", {})
    assert handle.result(20) == "good"
    assert cut.wait(20) and causes == ["lease_lost"]
    worker.stop()
    assert worker.text.count("completed") == 1, "the task came back, so the lease before was lost"


def test_a_worker_hears_of_a_lost_lease_when_it_renews(server, make_app, work):
    app = make_app(concurrency=1)
    short_leases(server, app.queue)
    started, cut = threading.Event(), threading.Event()

    @app.task
    def works(context: Context) -> None:
        started.set()
        if context.token.wait(20) and context.cancel_cause == "lease_lost":
            cut.set()

    worker = work(app)
    handle = works.enqueue()
    assert started.wait(20)
    app.client.release(handle.id)
    app.client.cancel(handle.id)
    assert cut.wait(20)
    until(lambda: worker.text, lambda text: "1 lease(s) lost" in text)


def test_a_lost_lease_cancels_a_coroutine_and_stops_its_saving(server, make_app, work):
    app = make_app()
    started, ended = threading.Event(), threading.Event()

    @app.task
    async def works(context: Context) -> str:
        if started.is_set():
            return "second"
        started.set()
        try:
            import asyncio

            await asyncio.sleep(60)
        finally:
            ended.set()
        return "first"

    work(app)
    handle = works.enqueue()
    assert started.wait(20)
    server.post(f"/v1/tasks/{handle.id}/release", {})
    assert handle.result(20) == "second"
    assert ended.wait(20)


def test_saving_with_a_lost_lease_stops_the_handler(server, make_app, work):
    app = make_app()
    started, released, outcomes = threading.Event(), threading.Event(), []

    @app.task
    def saves(context: Context) -> str:
        if started.is_set():
            return "second"
        started.set()
        released.wait(20)
        try:
            context.save_checkpoint({"at": 1})
            outcomes.append("saved")
        except treadle.Cancelled as cancelled:
            outcomes.append(cancelled.cause)
            raise
        return "first"

    work(app)
    handle = saves.enqueue()
    assert started.wait(20)
    server.post(f"/v1/tasks/{handle.id}/release", {})
    released.set()
    assert handle.result(20) == "second"
    until(lambda: outcomes, bool)
    assert outcomes == ["lease_lost"]


@pytest.mark.parametrize("type", ["spins", "never_awaits"])
def test_leases_are_renewed_while_a_handler_keeps_the_interpreter_busy(
    server, program, tmp_path, type
):
    queue = f"busy_{type}"
    assert server.call("PUT", f"/v1/queues/{queue}", {"lease_ms": 1000}).status == 200
    program(server.url, "-m", "workers_app", env={"TEST_QUEUE": queue, "TEST_NOTES": str(tmp_path)})
    with treadle.Client(server.url) as client:
        handle = client.enqueue(type, {"seconds": 2.5}, queue=queue)
        assert handle.result(30) == "spun"
        info = handle.info()
    assert (info.attempt, info.worker_losses) == (1, 0)
    assert (tmp_path / f"{handle.id}.begun").read_text() == "x"


def test_a_worker_that_dies_costs_an_attempt_and_another_goes_on(server, program, tmp_path):
    queue = "dies"
    assert server.call("PUT", f"/v1/queues/{queue}", {"lease_ms": 1000}).status == 200
    env = {"TEST_QUEUE": queue, "TEST_NOTES": str(tmp_path)}
    first = program(server.url, "-m", "workers_app", env=env)
    with treadle.Client(server.url) as client:
        handle = client.enqueue("waits", {"seconds": 0.5}, queue=queue)
        until((tmp_path / f"{handle.id}.begun").exists)
        first.kill()
        program(server.url, "-m", "workers_app", env=env)
        assert handle.result(30) == "waited"
        assert (handle.info().attempt, handle.info().worker_losses) == (2, 1)


def test_sigterm_lets_what_runs_finish_and_returns_the_rest_unspent(server, program, tmp_path):
    queue = "term"
    worker = program(
        server.url,
        "-m",
        "workers_app",
        env={"TEST_QUEUE": queue, "TEST_NOTES": str(tmp_path), "TEST_SLOTS": "2"},
    )
    with treadle.Client(server.url) as client:
        running = [
            client.enqueue(type, {"seconds": 1.0}, queue=queue) for type in ("waits", "awaits")
        ]
        for each in running:
            until((tmp_path / f"{each.id}.begun").exists)
        more = client.enqueue_many("waits", [{"seconds": 0}] * 20, queue=queue)
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0
        assert [each.info().state for each in running] == ["completed"] * 2
        assert {(each.info().state, each.info().attempt) for each in more} == {("ready", 0)}
    assert "stopping: waiting up to 25 s for 2 running tasks (" in worker.text


def test_a_second_signal_cancels_what_runs_and_returns_it_unspent(server, program, tmp_path):
    queue = "term2"
    worker = program(
        server.url, "-m", "workers_app", env={"TEST_QUEUE": queue, "TEST_NOTES": str(tmp_path)}
    )
    with treadle.Client(server.url) as client:
        running = [
            client.enqueue(type, {"seconds": 60}, queue=queue) for type in ("waits", "awaits")
        ]
        for each in running:
            until((tmp_path / f"{each.id}.begun").exists)
        worker.signal(signal.SIGINT)
        until(lambda: worker.text, lambda text: "stopping: waiting" in text)
        worker.signal(signal.SIGINT)
        assert worker.wait() == 0
        assert [(each.info().state, each.info().attempt) for each in running] == [("ready", 0)] * 2
    assert "cancelling 2 running tasks (" in worker.text


def test_a_signal_that_does_not_interrupt_the_main_thread_stops_the_worker(server, program):
    worker = program(server.url, "-m", "workers_app", env={"TEST_QUEUE": "thread"})
    with treadle.Client(server.url) as client:
        client.enqueue("signals_its_thread", queue="thread")
        assert worker.wait() == 0


def test_a_deaf_handler_cannot_hold_up_the_third_signal(server, program, tmp_path):
    queue = "term3"
    worker = program(
        server.url, "-m", "workers_app", env={"TEST_QUEUE": queue, "TEST_NOTES": str(tmp_path)}
    )
    with treadle.Client(server.url) as client:
        running = [
            client.enqueue(type, {"seconds": 600}, queue=queue)
            for type in ("spins", "never_awaits")
        ]
        for each in running:
            until((tmp_path / f"{each.id}.begun").exists)
        for words in (
            "stopping: waiting",
            "cancelling 2 running tasks",
            "giving up 2 running tasks",
        ):
            worker.signal(signal.SIGTERM)
            until(lambda: worker.text, lambda text, words=words: words in text)
        assert worker.wait() == 0
        assert {(each.info().state, each.info().attempt) for each in running} == {("ready", 0)}


def test_the_grace_ends_by_itself(app, work):
    started = threading.Event()

    @app.task
    def waits(context: Context) -> None:
        started.set()
        context.sleep(60)

    worker = work(app, shutdown_grace=0.1)
    handle = waits.enqueue()
    assert started.wait(20)
    worker.stop()
    assert worker.error is None
    assert (handle.info().state, handle.info().attempt) == ("ready", 0)


def test_a_worker_stops_while_the_server_is_away(start_server, make_app, work, monkeypatch):
    monkeypatch.setattr(station, "_DELIVER_SECONDS", 0.2)
    server = start_server()
    app = make_app(server.url)
    started, go_on = threading.Event(), threading.Event()

    @app.task
    def works() -> None:
        started.set()
        go_on.wait(20)

    worker = work(app, shutdown_grace=0.2, cancel_wait=0.2)
    works.enqueue()
    assert started.wait(20)
    server.kill()
    go_on.set()
    worker.stop()
    assert worker.error.code == "UNAVAILABLE" and "1 report(s)" in worker.error.detail


def test_a_server_that_refuses_the_worker_ends_it(start_server, make_app, work, tmp_path):
    (tmp_path / "token").write_text("a-token-of-this-server-123\n")
    os.chmod(tmp_path / "token", 0o600)
    server = start_server("--token-file", str(tmp_path / "token"))
    app = make_app(server.url, token="wrong")

    @app.task
    def never() -> None:
        pass

    worker = work(app)
    worker.thread.join(20)
    assert worker.error.code == "UNAUTHENTICATED"


def test_a_payload_at_the_limit_goes_through_and_comes_back(app, work):
    @app.task
    def sizes(data: bytes) -> int:
        return len(data)

    @app.task
    def echo(text: str) -> str:
        return text

    work(app)
    assert sizes.enqueue(b"\xff" * (1 << 20)).result(20) == 1 << 20
    text = "ä" * ((1 << 19) - 16)
    assert echo.enqueue(text).result(20) == text


def test_a_payload_that_was_damaged_on_its_way_is_not_run(server, make_app, work):
    class Damaging(Proxy):
        @staticmethod
        def _message(stream):
            message = Proxy._message(stream)
            return message.replace(b'"payload":{"word":"right"}', b'"payload":{"word":"wrong"}')

    app = make_app()
    with Damaging(server.port) as proxy:
        behind = make_app(proxy.url)
        words = []

        @behind.task
        def takes(word: str) -> None:
            words.append(word)

        handle = app.client.enqueue("takes", {"word": "right"}, queue=behind.queue, max_attempts=1)
        work(behind)
        task = handle.wait(20)
    assert (task.state, task.error_code, words) == ("dead", "payload_damaged", [])


def test_more_tasks_than_an_exchange_carries(make_app, work):
    app = make_app(concurrency=ITEMS_MAX)

    @app.task
    def echo(n: int) -> int:
        return n

    handles = echo.enqueue_many(range(2500))
    work(app)
    assert [handles[i].result(30) for i in (0, 999, 1000, 2499)] == [0, 999, 1000, 2499]


def test_a_result_that_breaks_its_contract_costs_no_other(app, work):
    @app.task(contract=treadle.Contract(output_schema={"type": "integer"}))
    def number(n: int):
        return n if n else "none"

    worker = work(app)
    number.enqueue(7).result(20)
    handles = number.enqueue_many(range(10))
    assert [each.result(20) for each in handles[1:]] == list(range(1, 10))
    task = handles[0].wait(20)
    assert (task.state, task.error_code) == ("dead", "result_invalid")
    # The server has ended the task before the worker reads why.
    until(lambda: worker.text, lambda text: "the server cannot take the report" in text)


def test_many_workers_share_a_queue_and_run_nothing_twice(server, make_app, work):
    app = make_app()
    runs, lock = [], threading.Lock()

    @app.task
    def once(n: int) -> int:
        with lock:
            runs.append(n)
        return n

    for i in range(3):
        work(app, name=f"sharing-{i}")
    once.enqueue_many(range(1500))
    e2e.until(lambda: server.queue(app.queue)["tasks"]["completed"], lambda number: number == 1500)
    assert sorted(runs) == list(range(1500))


def test_a_worker_that_begins_before_its_server_registers_and_works_when_it_comes(
    start_server, make_app, work
):
    server = start_server()
    server.kill()
    app = make_app(server.url)

    @app.task(contract=treadle.Contract())
    def late(n: int) -> int:
        return n

    worker = work(app)
    until(lambda: worker.text, lambda text: "trying again until it answers" in text)
    server.restart()
    assert late.enqueue(3).result(30) == 3
    assert server.get("/v1/types/late").json["contracts"][0]["version"] == 1
    assert worker.text.count("trying again") == 1
