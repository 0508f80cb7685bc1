"""The client against a real server, also through a network that loses answers."""

import asyncio
import datetime
import functools
import json
import os
import sys
import threading
import time

import pytest
from conftest import Proxy, e2e, raises_field

import treadle
from treadle import Client, Retry, TaskOptions
from treadle.stream import in_requests

UTC = datetime.timezone.utc


@pytest.fixture
def client(server):
    with Client(server.url) as each:
        yield each


@pytest.fixture
def proxy(server):
    with Proxy(server.port) as each:
        yield each


def listed(client, type, fits):
    return e2e.until(lambda: list(client.all_tasks(type=type)), fits)


def test_every_option_reaches_the_server(client, server):
    at = datetime.datetime(
        2030, 1, 2, 3, 4, 5, tzinfo=datetime.timezone(datetime.timedelta(hours=1))
    )
    handle = client.enqueue(
        "options",
        {"n": 1},
        queue="options",
        priority=7,
        run_at=at,
        expires=at + datetime.timedelta(days=1),
        deadline=datetime.timedelta(days=3650),
        attempt_timeout=1.5,
        retries=2,
        key="k-1",
        key_window=60,
        on_duplicate="return",
        tags=["b", "a"],
        sensitive=True,
        retry=Retry(backoff="listed", delays=[1, 2.5], jitter="none", never=["x"], total=60),
    )
    task = server.task(handle.id)
    assert (task["queue"], task["priority"], task["max_attempts"], task["idempotency_key"]) == (
        "options",
        7,
        3,
        "k-1",
    )
    assert (task["run_at"], task["expires_at"]) == (
        "2030-01-02T02:04:05.000Z",
        "2030-01-03T02:04:05.000Z",
    )
    assert (task["attempt_timeout_ms"], task["tags"], task["sensitive"]) == (1500, ["a", "b"], True)
    assert task["retry"]["delays_ms"] == [1000, 2500] and task["retry"]["never"] == ["x"]
    info = handle.info()
    assert (info.state, info.run_at, info.key, info.tags) == ("scheduled", at, "k-1", ("a", "b"))


def test_the_same_key_is_one_task_and_another_request_is_an_error(client):
    one = client.enqueue("keyed", 1, key="one")
    two = client.enqueue("keyed", 1, key="one")
    assert (two.id, two.duplicate, one.duplicate) == (one.id, True, False)
    with pytest.raises(treadle.AlreadyExistsError) as caught:
        client.enqueue("keyed", 2, key="one")
    assert caught.value.http_status == 409


@pytest.mark.parametrize(
    "fields,field",
    [
        ({"delay": -1}, "delay"),
        ({"delay": float("nan")}, "delay"),
        ({"run_at": datetime.datetime(2030, 1, 1)}, "run_at"),
        ({"priority": "high"}, "priority"),
        ({"retries": 1, "max_attempts": 2}, "retries"),
        ({"tags": "a"}, "tags"),
        ({"priority": 10}, "priority"),
        ({"tags": [""]}, "tags"),
        ({"retry": Retry(backoff="odd")}, "retry.backoff"),
        ({"queue": "with space"}, "queue"),
        ({"expires": datetime.datetime(2030, 1, 1)}, "expires"),
    ],
)
def test_a_wrong_option_is_named(client, fields, field):
    with raises_field(treadle.InvalidArgumentError, field):
        client.enqueue("wrong", None, **fields)


def test_bytes_and_exact_json_come_back(client):
    image = client.enqueue("bytes", treadle.Payload(b"\0\xff", "image/png"))
    assert client.payload(image.id) == treadle.Payload(b"\0\xff", "image/png")
    exact = client.enqueue("bytes", treadle.Payload(b'{"a":  1.50}', "application/json"))
    assert client.payload(exact.id).data == b'{"a":  1.50}'


def test_a_payload_of_1_mib_is_taken_and_a_byte_more_is_not(client):
    handle = client.enqueue("large", b"x" * (1 << 20))
    assert len(client.payload(handle.id).data) == 1 << 20
    with raises_field(treadle.InvalidArgumentError, "payload"):
        client.enqueue("large", b"x" * ((1 << 20) + 1))


def test_many_are_enqueued_in_order(client, server):
    handles = client.enqueue_many("many", range(2500), queue="many")
    assert len({each.id for each in handles}) == 2500
    assert [client.payload(handles[i].id).value() for i in (0, 999, 1000, 2499)] == [
        0,
        999,
        1000,
        2499,
    ]


def test_many_large_ones_go_in_several_requests(client):
    payloads = [b"\xff" * (1 << 20)] * 20  # 28 MiB as base64; a request has at most 16
    handles = client.enqueue_many("many_large", payloads, queue="many_large")
    assert len({each.id for each in handles}) == 20
    for each in handles:
        client.delete(each.id)


def test_a_batch_is_all_or_none_and_names_the_task(client, server):
    tasks = [client.encoded("batch", each, TaskOptions(priority=5)) for each in range(3)]
    tasks[1] = tasks[1].replace('"priority":5', '"priority":11')
    with raises_field(treadle.InvalidArgumentError, "tasks[1].priority"):
        client.submit_many(tasks)
    assert server.get("/v1/types/batch").status == 404


def test_without_waiting_one_bad_task_fails_alone(client):
    futures = [client.enqueue_nowait("stream", i, priority=11 if i == 7 else 5) for i in range(300)]
    assert client.flush(30)
    errors = [i for i, each in enumerate(futures) if each.exception() is not None]
    assert errors == [7]
    ids = [int(each.result().id.partition("-")[2]) for i, each in enumerate(futures) if i != 7]
    assert ids == sorted(ids), "in the order of the calls"


def test_what_was_not_waited_for_is_sent_at_the_end_of_the_program(server, program, client):
    program(
        server.url,
        "-c",
        "import treadle; c = treadle.Client()\nfor i in range(50): c.enqueue_nowait('at_exit', i)",
    ).wait()
    listed(client, "at_exit", lambda found: len(found) == 50)


@pytest.mark.parametrize("lost", [1, 2])
def test_an_enqueue_whose_answer_is_lost_makes_one_task(client, proxy, lost):
    type = f"lost{lost}"
    proxy.lose("/v1/tasks", lost)
    with Client(proxy.url) as behind:
        handle = behind.enqueue(type, {"a": 1})
    assert proxy.lost == lost
    (task,) = listed(client, type, bool)
    assert task.id == handle.id


def test_a_batch_whose_answer_is_lost_is_enqueued_once_with_the_same_ids(client, proxy):
    proxy.lose("/v1/tasks/batch", 2)
    with Client(proxy.url) as behind:
        handles = behind.enqueue_many("lost_batch", range(30))
    assert sorted(
        each.id for each in listed(client, "lost_batch", lambda found: len(found) >= 30)
    ) == sorted(each.id for each in handles)


def test_without_keys_a_lost_answer_is_an_error_that_says_so(client, proxy):
    proxy.lose("/v1/tasks", 9)
    with Client(proxy.url, keys=False) as behind:
        with pytest.raises(treadle.UnavailableError, match="not known whether"):
            behind.enqueue("lost_unknown", {"idempotency_key": "only of the payload"})
    listed(client, "lost_unknown", lambda found: len(found) == 1)


def test_a_server_that_is_away_is_asked_again_until_it_is_back(server, proxy):
    proxy.refuse()
    with Client(proxy.url) as behind:
        threading.Timer(0.3, proxy.allow).start()
        assert behind.enqueue("away").id


def test_a_server_that_stays_away_is_an_error_in_time():
    begun = time.monotonic()
    with Client("http://127.0.0.1:1", timeout=0.5) as nowhere:
        with pytest.raises(treadle.UnavailableError, match="cannot reach"):
            nowhere.enqueue("away")
    assert time.monotonic() - begun < 5


def test_the_next_server_is_asked_when_one_is_away(server):
    with Client(["http://127.0.0.1:1", server.url]) as client:
        assert client.info()["name"] == "treadle"


def test_waiting_for_a_task_that_does_not_end_is_a_timeout(client):
    handle = client.enqueue("waits", queue="nobody")
    with pytest.raises(TimeoutError) as caught:
        handle.result(timeout=0.2)
    assert caught.value.code == "DEADLINE_EXCEEDED" and "still ready" in caught.value.detail


def test_a_task_that_ends_otherwise_is_an_error_of_its_own(client):
    handle = client.enqueue("cancels", queue="nobody")
    assert handle.cancel("changed my mind") == "cancelled"
    with pytest.raises(treadle.TaskCancelledError) as caught:
        handle.result(1)
    assert (caught.value.error_code, caught.value.error_message) == ("asked", "changed my mind")
    assert handle.redrive() == "ready"
    expired = client.enqueue("expires", queue="nobody", expires=0.001)
    with pytest.raises(treadle.TaskExpiredError):
        expired.result(10)


def test_a_task_that_is_not_there_is_not_found(client):
    with pytest.raises(treadle.NotFoundError) as caught:
        client.get("1-281474976710655")
    assert isinstance(caught.value, LookupError)


def test_steering(client):
    handle = client.enqueue("steered", queue="nobody", delay=3600)
    assert client.run_now(handle.id) == "ready"
    client.delete(handle.id)
    with pytest.raises(treadle.NotFoundError):
        handle.info()
    assert client.release(client.enqueue("steered", queue="nobody").id) == "ready"


def test_lists_have_filters_and_pages(client):
    ids = [each.id for each in client.enqueue_many("listed", range(7), queue="listed", tags=["t"])]
    listed(client, "listed", lambda found: len(found) == 7)
    page = client.list_tasks(
        queue="listed",
        tag="t",
        state="ready",
        limit=3,
        enqueued_from=datetime.datetime(2020, 1, 1, tzinfo=UTC),
    )
    assert len(page) == 3 and page.next_cursor
    assert [each.id for each in client.all_tasks(queue="listed", limit=3)] == ids[::-1]
    with raises_field(treadle.EncodingError, "enqueued_to"):
        client.list_tasks(enqueued_to=datetime.datetime(2020, 1, 1))


def test_a_full_queue_says_when_to_try_again(client, server):
    server.call("PUT", "/v1/queues/full", {"capacity": {"tasks": 1}})
    client.enqueue("full", queue="full")
    with pytest.raises(treadle.ResourceExhaustedError) as caught:
        client.enqueue("full", queue="full")
    assert caught.value.retry_after and caught.value.retry_after > 0


def test_the_token_comes_from_its_file_and_a_wrong_one_is_an_error(
    start_server, tmp_path, monkeypatch
):
    (tmp_path / "token").write_text("# comment\n  s3cret-token-1234567890  \n")
    os.chmod(tmp_path / "token", 0o600)
    guarded = start_server("--token-file", str(tmp_path / "token"))
    monkeypatch.setenv("TREADLE_TOKEN_FILE", str(tmp_path / "token"))
    assert Client(guarded.url).enqueue("guarded").id
    with pytest.raises(treadle.UnauthenticatedError):
        Client(guarded.url, token="wrong").enqueue("guarded")


@pytest.mark.parametrize(
    "register,why",
    [
        (lambda app: app.task(name="none")(None), "none has no handler: None is no function"),
        (lambda app: app.task()("text"), "a task has no handler: 'text' is no function"),
        (lambda app: app.task(functools.partial(print)), "has no name of its own"),
        (lambda app: app.middleware(None), "middleware None is no function"),
    ],
)
def test_a_handler_that_is_none_is_refused(register, why):
    app = treadle.Treadle()
    with pytest.raises(treadle.InvalidArgumentError, match=why):
        register(app)
    assert not app.tasks and not app.middlewares


@pytest.mark.parametrize(
    "address,why",
    [
        ("https://a:0", "port"),
        ("http://a:0", "port"),
        ("http://a b", "no host"),
        ("[::1", "not closed"),
        ("http://user:secret@:1", "port"),
    ],
)
def test_a_wrong_address_is_named_without_its_secrets(address, why):
    with pytest.raises(treadle.InvalidArgumentError, match=why) as caught:
        Client(address)
    assert "secret" not in str(caught.value)


def test_threads_share_a_client(client):
    ids, errors = set(), []

    def enqueue():
        try:
            for i in range(20):
                ids.add(client.enqueue("threads", i).id)
        except treadle.TreadleError as error:
            errors.append(error)

    threads = [threading.Thread(target=enqueue) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (len(ids), errors) == (160, [])


def test_a_forked_process_has_connections_and_keys_of_its_own(client, server):
    client.enqueue("forked", "parent")
    child = os.fork()
    if child == 0:
        try:
            client.enqueue("forked", "child")
            client.enqueue_nowait("forked", "child").result(10)
            os._exit(0)
        except BaseException:
            os._exit(1)
    client.enqueue("forked", "parent")
    assert os.waitpid(child, 0)[1] == 0
    assert len(listed(client, "forked", lambda found: len(found) >= 4)) == 4


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"


def traces_of(client, handles):
    return [client.get(each.id).traceparent for each in handles]


def test_the_trace_context_goes_with_the_task(client):
    one = client.enqueue("traced", traceparent=TRACE)
    many = client.enqueue_many("traced", [1, 2], traceparent=TRACE)
    later = client.enqueue_nowait("traced", traceparent=OTHER_TRACE).result(10)
    assert traces_of(client, [one, *many, later]) == [TRACE] * 3 + [OTHER_TRACE]
    assert traces_of(client, [client.enqueue("traced")]) == [None]
    with raises_field(treadle.InvalidArgumentError, "traceparent"):
        client.enqueue("traced", traceparent="a\r\nb: c")
    with raises_field(treadle.EncodingError, "traceparent"):
        client.enqueue("traced", traceparent=1)


def test_tasks_of_a_handler_continue_its_trace(app, work):
    @app.task
    def inner():
        return treadle.current().traceparent

    @app.task
    def outer():
        named = inner.options(traceparent=OTHER_TRACE).enqueue()
        return [inner.enqueue().id, named.id, asyncio.run(inner.aenqueue()).id]

    work(app)
    made = outer.options(traceparent=TRACE).enqueue().result(20)
    assert [app.client.result(each, 20) for each in made] == [TRACE, OTHER_TRACE, TRACE]


def test_coroutines_enqueue_and_wait(app, work):
    @app.task
    def double(n: int) -> int:
        return 2 * n

    work(app)

    async def both():
        handle = await double.aenqueue(4)
        return await handle.aresult(20)

    assert asyncio.run(both()) == 8


def test_errors_are_pickled_whole():
    import pickle

    error = treadle.InvalidArgumentError("payload.a is wrong", field="payload.a", retry_after=1.5)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.field, again.retry_after, str(again)) == (
        treadle.InvalidArgumentError,
        "payload.a",
        1.5,
        "payload.a is wrong",
    )
    dead = pickle.loads(pickle.dumps(treadle.TaskDeadError("1-1", "KeyError", "x")))
    assert (dead.task_id, dead.error_code) == ("1-1", "KeyError")


def test_options_over_others():
    base = TaskOptions(delay=5, queue="a", retries=3)
    changed = TaskOptions(run_at=datetime.datetime.now(UTC), max_attempts=2).over(base)
    assert (changed.delay, changed.queue, changed.retries, changed.max_attempts) == (
        None,
        "a",
        None,
        2,
    )
    assert json.loads("{" + TaskOptions(sensitive=False).to_json()[1:] + "}") == {}


def test_requests_are_cut_by_number_and_by_size():
    assert [len(each) for each in in_requests(["x"] * 2500)] == [1000, 1000, 500]
    assert [len(each) for each in in_requests(["x" * (2 << 20)] * 5)] == [2, 2, 1]
    assert [len(each) for each in in_requests(["ä" * (1 << 20)] * 2 + ["x"] * 3)] == [1, 1, 3]
    assert list(in_requests([])) == []


def test_the_trace_context_of_opentelemetry_goes_along(client, monkeypatch):
    class Span:
        """As its API: a span, and its context."""

        trace_id, span_id, trace_flags = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, 1

        def __init__(self, is_valid):
            self.is_valid = is_valid

        def get_span_context(self):
            return self

    spans = [Span(True), Span(False)]

    class Trace:
        @staticmethod
        def get_current_span():
            return spans.pop(0)  # raises once there are no more

    monkeypatch.setitem(sys.modules, "opentelemetry.trace", Trace)
    made = [client.enqueue("traced") for _ in range(3)]
    named = client.enqueue("traced", traceparent=OTHER_TRACE)
    assert traces_of(client, [*made, named]) == [TRACE, None, None, OTHER_TRACE]
