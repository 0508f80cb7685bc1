"""Client: enqueues tasks, waits for their results, reads and steers them.

    client = Client()
    handle = client.enqueue("hello", {"name": "Ada"})
    print(handle.result(timeout=30))

Made once, shared by all threads of a program. Calls block; connections are made when needed, kept,
and made again when they break. Every enqueue without an idempotency key is given one that holds for
a minute, so that a call whose answer was lost can be repeated and still adds one task.
"""

from __future__ import annotations

import datetime
import itertools
import os
import time
import urllib.parse
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Iterable, Iterator, List, Mapping, Sequence

from .address import resolve_servers, resolve_token
from .caller import Caller
from .connection import Answer
from .errors import DeadlineExceededError, InternalError, InvalidArgumentError
from .exact_json import decode, encode, quote
from .handle import TaskHandle
from .options import NO_OPTIONS, OptionFields, TaskOptions, point_in_time
from .payload import Payload, blob_fields
from .stream import TaskStream, in_requests
from .task_info import Enqueued, TaskInfo, TaskPage
from .traceparent import ambient_traceparent

if TYPE_CHECKING:
    from typing_extensions import Unpack

_WAIT_OF_ONE_CALL = 30.0
_BETWEEN_LOOKS = 0.1  # at a server that does not wait, though it was asked to


class Client:
    """See the head of this file.

    `servers`: addresses, or text with commas between them; default TREADLE_SERVER, else
    http://127.0.0.1:7373. `ca_file`: certificates (PEM) to trust for https in place of the system's
    store; default the file TREADLE_CA_FILE. `token`: default the first line of the file
    TREADLE_TOKEN_FILE.
    `timeout`: seconds for a call with all its tries. `keys=False`: no keys of the client's own; a
    call whose answer is lost then fails with UnavailableError instead of being repeated.
    """

    def __init__(
        self,
        servers: str | Sequence[str] | None = None,
        *,
        token: str | None = None,
        ca_file: str | None = None,
        timeout: float = 30.0,
        connect_timeout: float = 5.0,
        connections: int = 32,
        keys: bool = True,
    ) -> None:
        if not 1 <= connections <= 256:
            raise InvalidArgumentError("connections must be from 1 to 256", field="connections")
        if timeout <= 0 or connect_timeout <= 0:
            raise InvalidArgumentError("timeouts must be more than 0", field="timeout")
        self.servers = resolve_servers(servers, ca_file)
        self.token = resolve_token(token)
        self.timeout = timeout
        self._keys = _KeyMaker(timeout) if keys else None
        self._caller = Caller(
            self.servers,
            token=self.token,
            connect_timeout=connect_timeout,
            connections=connections,
        )
        self._stream = TaskStream(self._send)

    # ---- enqueueing ----

    def enqueue(
        self,
        type: str,
        payload: Any = None,
        *,
        options: TaskOptions = NO_OPTIONS,
        **fields: Unpack[OptionFields],
    ) -> TaskHandle[Any]:
        """Enqueues one task; on return it is on the server's disk.

        `payload`: any value of JSON, bytes, or a Payload. How it is to run: `options`, or the
        fields of TaskOptions by name.
        """
        return TaskHandle(self, self.submit(self.encoded(type, payload, _options(options, fields))))

    def enqueue_many(
        self,
        type: str,
        payloads: Iterable[Any],
        *,
        options: TaskOptions = NO_OPTIONS,
        **fields: Unpack[OptionFields],
    ) -> list[TaskHandle[Any]]:
        """Enqueues a task for each payload, up to 1,000 in a request; each request all or none."""
        full = _options(options, fields)
        _refuse_one_key_for_many(full)
        tasks = [self.encoded(type, each, full) for each in payloads]
        return [TaskHandle(self, each) for each in self.submit_many(tasks)]

    def enqueue_nowait(
        self,
        type: str,
        payload: Any = None,
        *,
        options: TaskOptions = NO_OPTIONS,
        **fields: Unpack[OptionFields],
    ) -> Future[Enqueued]:
        """Enqueues without waiting. The future has the answer once the task is on the server's
        disk.

        Tasks go in the order of the calls, many in a request. The call waits only while 10,000
        tasks or 16 MiB have no answer yet. `flush()` waits for all; so does the end of the program.
        """
        return self.submit_nowait(self.encoded(type, payload, _options(options, fields)))

    def flush(self, timeout: float | None = None) -> bool:
        """Waits for all tasks of enqueue_nowait(); False if time was up."""
        return self._stream.flush(timeout)

    def encoded(self, type: str, payload: Any, options: TaskOptions) -> str:
        """A task as JSON. Raises InvalidArgumentError with the field."""
        if not isinstance(type, str):
            raise InvalidArgumentError("type must be text", field="type")
        body = blob_fields(payload, "payload")
        body = f'{{"type":{quote(type)}' + ("," + body if body else "") + options.to_json()
        if self._keys is not None and not options.say_of_keys:
            body += self._keys.next()
        if options.traceparent is None and (ambient := ambient_traceparent()) is not None:
            body += f',"traceparent":"{ambient}"'
        return body + "}"

    def submit(self, task: str) -> Enqueued:
        """Enqueues one task of `encoded()`."""
        answer = self._caller.call(
            "POST",
            "/v1/tasks",
            task.encode(),
            timeout=self.timeout,
            repeatable=self._may_repeat(task),
        )
        return _enqueued(decode(answer.body))

    def submit_many(self, tasks: Sequence[str]) -> list[Enqueued]:
        """Enqueues tasks of `encoded()`, in as many requests as they need."""
        return [each for part in in_requests(tasks) for each in self._send(part)]

    def submit_nowait(self, task: str) -> Future[Enqueued]:
        """Enqueues a task of `encoded()` without waiting."""
        return self._stream.enqueue(task)

    def _send(self, tasks: Sequence[str]) -> List[Enqueued]:
        if len(tasks) == 1:  # an error should not number it
            return [self.submit(tasks[0])]
        body = '{"tasks":[' + ",".join(tasks) + "]}"
        repeatable = all(map(self._may_repeat, tasks))
        answer = self._caller.call(
            "POST", "/v1/tasks/batch", body.encode(), timeout=self.timeout, repeatable=repeatable
        )
        found = decode(answer.body).get("tasks")
        if not isinstance(found, list) or len(found) != len(tasks):
            raise InternalError("the server's answer has another number of tasks than the request")
        return [_enqueued(each) for each in found]

    def _may_repeat(self, task: str) -> bool:
        if self._keys is not None:
            return True
        return '"idempotency_key":' in task and "idempotency_key" in decode(task)  # not in payload

    # ---- reading ----

    def get(self, task_id: str, *, wait: float = 0) -> TaskInfo:
        """The task as it is now, or once it has ended within `wait` seconds (at most 60)."""
        target = f"/v1/tasks/{_quoted(task_id)}"
        if wait > 0:
            target += f"?wait={round(wait * 1000)}ms"
        return TaskInfo.from_json(self._json("GET", target, wait=wait))

    def wait(self, task_id: str, timeout: float | None = None) -> TaskInfo:
        """The task once it has ended. Raises DeadlineExceededError if that takes longer."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            asked = time.monotonic()
            left = _WAIT_OF_ONE_CALL if deadline is None else max(deadline - asked, 0.0)
            task = self.get(task_id, wait=min(left, _WAIT_OF_ONE_CALL))
            if task.has_ended:
                return task
            if deadline is not None and time.monotonic() >= deadline:
                raise DeadlineExceededError(f"task {task_id} is still {task.state}")
            pause = asked + _BETWEEN_LOOKS - time.monotonic()
            if pause > 0:
                time.sleep(pause)

    def result(self, task_id: str, timeout: float | None = None) -> Any:
        """The result of a task once it is completed: of JSON the value, else a Payload.

        Raises TaskDeadError, TaskCancelledError or TaskExpiredError if it ends in another way, and
        DeadlineExceededError if it has not ended in time.
        """
        return TaskHandle(self, Enqueued(task_id)).result(timeout)

    def payload(self, task_id: str) -> Payload:
        """The exact bytes of a task's payload."""
        answer = self._call("GET", f"/v1/tasks/{_quoted(task_id)}/payload")
        return Payload(answer.body, answer.headers.get("content-type", ""))

    def log(self, task_id: str, attempt: int | None = None) -> str:
        """What an attempt logged; of the last one if none is named."""
        query = "" if attempt is None else f"?attempt={attempt}"
        return self._call("GET", f"/v1/tasks/{_quoted(task_id)}/log{query}").body.decode()

    def attempts(self, task_id: str) -> list[Mapping[str, Any]]:
        """Every attempt at a task, oldest first, as `Attempt` of the API."""
        found: list[Mapping[str, Any]] = self._json(
            "GET", f"/v1/tasks/{_quoted(task_id)}/attempts"
        )["attempts"]
        return found

    def list_tasks(
        self,
        *,
        queue: str | None = None,
        type: str | None = None,
        state: str | None = None,
        tag: str | None = None,
        key: str | None = None,
        worker: str | None = None,
        error_code: str | None = None,
        fingerprint: str | None = None,
        text: str | None = None,
        payload_text: str | None = None,
        enqueued_from: datetime.datetime | None = None,
        enqueued_to: datetime.datetime | None = None,
        finished_from: datetime.datetime | None = None,
        finished_to: datetime.datetime | None = None,
        results: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> TaskPage:
        """One page of the tasks that match all that is given, newest first."""
        query: dict[str, str] = {}
        for name, value in (
            ("queue", queue), ("type", type), ("state", state), ("tag", tag), ("key", key),
            ("worker", worker), ("error_code", error_code), ("fingerprint", fingerprint),
            ("text", text), ("payload_text", payload_text), ("cursor", cursor),
        ):  # fmt: skip
            if value is not None:
                query[name] = value
        for name, at in (
            ("enqueued_from", enqueued_from), ("enqueued_to", enqueued_to),
            ("finished_from", finished_from), ("finished_to", finished_to),
        ):  # fmt: skip
            if at is not None:
                query[name] = point_in_time(at, name)
        query["limit"] = str(limit)
        if results:
            query["results"] = "true"
        found = self._json("GET", "/v1/tasks?" + urllib.parse.urlencode(query))
        page = TaskPage(
            [TaskInfo.from_json(each) for each in found["tasks"]], found.get("next_cursor"), None
        )
        return page

    def all_tasks(self, **filters: Any) -> Iterator[TaskInfo]:
        """All tasks that match, page by page; the filters of `list_tasks()`."""
        cursor: str | None = None
        filters.setdefault("limit", 1000)
        while True:
            page = self.list_tasks(**{**filters, "cursor": cursor})
            yield from page
            cursor = page.next_cursor
            if cursor is None:
                return

    # ---- steering ----

    def cancel(self, task_id: str, reason: str = "") -> str:
        """Ends a task that waits at once, and asks the worker of one that runs to stop; the
        state."""
        body = f'{{"reason":{encode(reason, "reason")}}}' if reason else "{}"
        return self._change(task_id, "cancel", body)

    def redrive(self, task_id: str) -> str:
        """Makes a dead, cancelled or expired task ready again; the state."""
        return self._change(task_id, "redrive")

    def run_now(self, task_id: str) -> str:
        """Does not let a task wait for its time or its backoff; the state."""
        return self._change(task_id, "run-now")

    def release(self, task_id: str) -> str:
        """Takes the lease of a running task back, unspent; the state."""
        return self._change(task_id, "release")

    def delete(self, task_id: str) -> None:
        """Removes a task that waits or has ended."""
        self._call("DELETE", f"/v1/tasks/{_quoted(task_id)}")

    def _change(self, task_id: str, verb: str, body: str = "{}") -> str:
        target = f"/v1/tasks/{_quoted(task_id)}/{verb}"
        return str(self._json("POST", target, body.encode())["state"])

    def put_contract(
        self, type: str, version: int, body: str, *, timeout: float | None = None
    ) -> None:
        """Registers a version of a type's contract, as `ContractChange` of the API."""
        target = f"/v1/types/{_quoted(type)}/contracts/{version}"
        self._caller.call("PUT", target, body.encode(), timeout=timeout or self.timeout)

    def info(self) -> Mapping[str, Any]:
        """What this server is."""
        found: Mapping[str, Any] = self._json("GET", "/v1/info")
        return found

    def close(self) -> None:
        """Sends what enqueue_nowait() took, and closes the connections that nobody uses."""
        self._stream.close()
        self._caller.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(
        self, method: str, target: str, body: bytes | None = None, *, wait: float = 0
    ) -> Answer:
        return self._caller.call(method, target, body, timeout=self.timeout, wait=wait)

    def _json(self, method: str, target: str, body: bytes | None = None, *, wait: float = 0) -> Any:
        found = decode(self._call(method, target, body, wait=wait).body)
        if not isinstance(found, dict):
            raise InternalError("the server does not answer like a Treadle server")
        return found


class _KeyMaker:
    """Idempotency keys that nobody else makes, and that the server soon forgets."""

    def __init__(self, timeout: float) -> None:
        self._window = f',"idempotency_window_ms":{max(round(2000 * timeout), 60_000)}'
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._prefix = f',"idempotency_key":"treadle-py-{os.urandom(12).hex()}-'
        self._numbers = itertools.count(1)

    def next(self) -> str:
        if self._process != os.getpid():
            self._begin()
        return f'{self._prefix}{next(self._numbers)}"{self._window}'


def _options(options: TaskOptions, fields: Mapping[str, Any]) -> TaskOptions:
    return TaskOptions(**fields).over(options) if fields else options


def _refuse_one_key_for_many(options: TaskOptions) -> None:
    if options.key is not None:
        raise InvalidArgumentError("one key cannot be that of many tasks", field="key")


def _enqueued(fields: Any) -> Enqueued:
    try:
        return Enqueued(
            fields["id"], bool(fields["duplicate"]), fields.get("state"), fields.get("replaced")
        )
    except (KeyError, TypeError, AttributeError):
        raise InternalError("the server does not answer like a Treadle server") from None


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")
