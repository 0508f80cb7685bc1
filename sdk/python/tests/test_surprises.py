"""Whatever a handler raises or returns fails its own attempt, and the worker works on."""

import asyncio
import datetime
import subprocess

import pytest

import treadle
from treadle import Context, Discard, EncodingError, Failure, Payload, Snooze
from treadle.exact_json import encode
from treadle.testing import InMemory
from treadle.worker.lines import TaskLines
from treadle.worker.processes import InProcess


class Unreadable(Exception):
    def __str__(self):
        raise RuntimeError("no text")


class NoText(Exception):
    def __str__(self):
        return None


class Exits(Exception):
    def __str__(self):
        raise SystemExit(3)


class Bare(Failure):
    def __init__(self):
        pass  # without the fields of a Failure


class Word(str):
    def encode(self, *_):
        raise RuntimeError("not encoded")

    def __getitem__(self, _):
        raise RuntimeError("not cut")

    def __str__(self):
        raise RuntimeError("not text")

    def __reduce__(self):
        raise RuntimeError("not pickled")


class LazyDict(dict):
    def items(self):
        raise LookupError("the session is closed")


class LazyClass:
    @property
    def __class__(self):
        raise LookupError("outside of a request")


class Dumps:
    def __init__(self, error):
        self.error = error

    def __json__(self):
        raise self.error


class Endless:
    def __json__(self):
        return Endless()


def changed(outcome, **fields):
    vars(outcome).update(fields)
    return outcome


def raises(error):
    def handler():
        raise error

    return handler


SURPRISES = [
    (lambda: Failure("no_stock", {"sku": 5}), "TypeError", "message must be text, not dict"),
    (lambda: Failure(None, None), "TypeError", "code must be text, not NoneType"),
    (lambda: Failure(5, 5), "TypeError", "code must be text, not int"),
    (lambda: Failure("a", retry="no"), "TypeError", "retry must be True or False, not str"),
    (lambda: Failure("a", retry_after="1h"), "TypeError", "retry_after must be seconds"),
    (lambda: Discard(None), "TypeError", "reason must be text, not NoneType"),
    (lambda: Discard("", code=7), "TypeError", "code must be text, not int"),
    (lambda: Snooze("1h"), "TypeError", "delay must be seconds or a timedelta, not str"),
    (raises(Unreadable()), "Unreadable", "no message: its __str__ raised RuntimeError"),
    (raises(NoText()), "NoText", "no message: its __str__ raised TypeError"),
    (raises(Exits()), "Exits", "no message: its __str__ raised SystemExit"),
    (raises(Bare()), "AttributeError", "retry_after"),
    (raises(changed(Failure("a"), code=5)), "TypeError", "code must be text, not int"),
    (raises(changed(Discard("a"), reason=b"x")), "TypeError", "reason must be text, not bytes"),
    (raises(changed(Snooze(1), delay="1h")), "TypeError", ""),
    (raises(Failure(Word("sold_out"), Word("no more"))), "sold_out", "no more"),
    (raises(SystemExit(3)), "SystemExit", "3"),
    (raises(KeyboardInterrupt()), "KeyboardInterrupt", ""),
    (raises(GeneratorExit()), "GeneratorExit", ""),
    (raises(MemoryError()), "MemoryError", ""),
    (lambda: LazyDict(a=1), "result_invalid", "result raised LookupError: the session is closed"),
    (lambda: {"a": LazyDict(a=1)}, "result_invalid", "result.a raised LookupError"),
    (LazyClass, "result_invalid", "LookupError: outside of a request"),
    (lambda: [Dumps(KeyError("x"))], "result_invalid", "result[0] raised KeyError: 'x'"),
    (lambda: Dumps(Unreadable()), "result_invalid", "result raised Unreadable"),
    (Endless, "result_invalid", "result becomes one object after the other"),
    (lambda: Payload("text", "text/plain"), "result_invalid", "result must hold bytes, not str"),
    (lambda: Payload(b"x", None), "result_invalid", "content type of result must be text"),
    (lambda: Dumps(MemoryError()), "report_invalid", "MemoryError"),
    (lambda: Dumps(SystemExit(3)), "report_invalid", "SystemExit: 3"),
]


@pytest.mark.parametrize("is_coroutine", [False, True])
def test_a_surprise_fails_its_attempt_with_a_named_error(is_coroutine):
    app = treadle.Treadle()
    with InMemory(app) as memory:
        handles = []
        for i, (handler, _, _) in enumerate(SURPRISES):
            if is_coroutine:

                async def call(handler=handler):
                    return handler()

            else:
                call = handler
            task = app.task(name=f"surprise-{i}", max_attempts=1)(_without_arguments(call))
            handles.append(task.enqueue())
        assert memory.run() == len(SURPRISES)
        for handle, (_, code, message) in zip(handles, SURPRISES):
            info = handle.info()
            assert (info.state, info.error_code) == ("dead", code), info
            assert message in info.error_message, info


def _without_arguments(call):
    if asyncio.iscoroutinefunction(call):

        async def handler():
            return await call()

    else:

        def handler():
            return call()

    return handler


def test_an_exception_without_a_message_leaves_its_traceback():
    app = treadle.Treadle()

    @app.task(max_attempts=1)
    def odd() -> None:
        raise Unreadable

    with InMemory(app) as memory:
        handle = odd.enqueue()
        memory.run()
        assert "raise Unreadable" in memory.log(handle.id)


def test_a_payload_whose_conversion_raises_fails_the_attempt():
    app = treadle.Treadle()

    class Broken:
        @classmethod
        def model_validate(cls, value):
            raise LookupError("no such model")

    def broken(model) -> None:
        pass

    broken.__annotations__["model"] = Broken
    task = app.task(name="broken", max_attempts=1)(broken)
    with InMemory(app) as memory:
        handle = task.enqueue({"a": 1})
        memory.run()
        info = handle.info()
        assert (info.error_code, info.error_message) == ("LookupError", "no such model")


def test_a_payload_that_no_set_can_hold_names_its_field():
    app = treadle.Treadle()

    @app.task
    def takes(values: set) -> None:
        pass

    with InMemory(app) as memory:
        handle = app.client.enqueue("takes", {"values": [[1]]})
        memory.run()
        info = handle.info()
        assert (info.state, info.error_code) == ("dead", "payload_invalid")
        assert "payload.values needs" in info.error_message


def test_what_the_producer_cannot_encode_names_its_path():
    with pytest.raises(EncodingError, match=r"payload\.a raised LookupError") as caught:
        encode({"a": LazyDict(a=1)})
    assert caught.value.field == "payload.a"
    assert isinstance(caught.value.__cause__, LookupError)


class Model:
    """As Pydantic's models convert themselves."""

    def __init__(self, **fields):
        self.fields = fields

    def model_dump(self, *, mode="python"):
        assert mode == "json"
        return {
            name: each.isoformat() if isinstance(each, datetime.date) else each
            for name, each in self.fields.items()
        }

    @classmethod
    def model_validate(cls, value):
        return cls(**value)


def test_a_model_is_a_payload_and_a_result():
    app = treadle.Treadle()

    @app.task
    def whole(model: Model) -> Model:
        return Model(n=model.fields["n"] + 1)

    @app.task
    def part(model: Model, factor: int) -> int:
        return model.fields["n"] * factor

    with InMemory(app) as memory:
        one = whole.enqueue(Model(n=1, day=datetime.date(2026, 1, 2)))
        two = part.enqueue(Model(n=2), factor=3)
        assert memory.tasks[0].payload == {"n": 1, "day": "2026-01-02"}
        memory.run()
        assert (one.result().fields, two.result()) == ({"n": 2}, 6)
    with pytest.raises(EncodingError, match=r"payload\.x is nan"):
        encode(Model(x=float("nan")))
    with pytest.raises(EncodingError, match="is a type, which JSON has no form for"):
        encode(Model)


def test_lines_that_nobody_takes_stop_nothing():
    def broken(text):
        raise RuntimeError("no disk")

    lines = TaskLines(broken, False)
    lines.say("hello")
    lines.ended([])


def test_a_child_that_cannot_be_started_is_no_end(monkeypatch):
    def refuse(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    said = []
    InProcess(None, said.append).close()
    assert "a child process could not begin: " in said[0]


def test_one_slot_outlives_every_surprise(make_app, work):
    app = make_app(concurrency=1)
    app.task(name="surprise", max_attempts=1)(_by_number)

    @app.task(max_attempts=1)
    async def stops_the_loop() -> int:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0)
        return 1

    @app.task(max_attempts=1)
    async def exits_beside(context: Context) -> int:
        async def exits():
            raise SystemExit(3)

        await asyncio.create_task(exits())
        return 1

    @app.task
    async def good() -> int:
        return 2

    work(app)
    handles = app.tasks["surprise"].enqueue_many(range(len(SURPRISES)))
    stopped, exited, last = stops_the_loop.enqueue(), exits_beside.enqueue(), good.enqueue()
    assert last.result(20) == 2
    assert stopped.result(20) == 1
    assert exited.wait(20).error_code == "SystemExit"
    codes = [each.wait(20).error_code for each in handles]
    assert codes == [code for _, code, _ in SURPRISES]


def _by_number(n: int):
    return SURPRISES[n][0]()


def test_a_number_that_python_does_not_read_fails_its_own_task_alone(server, app, work):
    @app.task
    def takes(n) -> int:
        return 1

    @app.task
    def exact(payload: Payload) -> int:
        return len(payload.data)

    work(app)
    digits = b"1" * 5000
    for type in ("takes", "exact"):
        task = f'{{"type":"{type}","queue":"{app.queue}","payload":{digits.decode()}}}'
        answer = server.call("POST", "/v1/tasks", task.encode())
        assert answer.status == 201, answer
    assert takes.enqueue(1).result(20) == 1
    info = takes.handle(answer.json["id"]).wait(20)
    assert info.state == "completed"
    (dead,) = app.client.list_tasks(queue=app.queue, state="dead").tasks
    assert dead.error_code == "payload_invalid"
    assert "5000 digits" in dead.error_message
