"""Tests without a server: an application's tasks in memory, with a clock that the test drives.

    with InMemory(app) as memory:
        handle = resize.enqueue("a.png", width=300)
        memory.run()                     # all that is due, and what that enqueues
        assert handle.result() == "a.png@300"

        memory.advance(60)               # the clock moves; what becomes due runs
        assert memory.task(handle.id).attempt == 1

While it is entered it is the application's client, so everything that is enqueued stays here.
Handlers run in the calling thread with their binding, middleware, conversion and checks; coroutine
functions in an event loop of their own. `inline=True` runs each task as it is enqueued.

It plays the server's part like this. Played: priorities, delays and times, expiry and deadlines of
tasks that wait, retries by their policy without jitter, error codes that never or always retry,
idempotency keys, snooze, discard, release, cancellation, redrive, steps, checkpoints and logs. Not
played: leases, queues' policies, limits, contracts, timeouts of attempts.
"""

from __future__ import annotations

import asyncio
import base64
import datetime
import hashlib
import itertools
import threading
from concurrent.futures import Future
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .app import Treadle
from .cancel import CancelToken
from .client import Client
from .errors import (
    AlreadyExistsError,
    DeadlineExceededError,
    FailedPreconditionError,
    NotFoundError,
    TreadleError,
)
from .exact_json import decode, scan
from .options import Duration
from .payload import BYTES, JSON, Payload, read_blob
from .task_info import ENDED, Enqueued, TaskInfo, TaskPage, parse_time
from .wire import Lease
from .worker.report import Report
from .worker.runner import Runner

RUNS_MAX = 10_000  # attempts of one run(): more is a task that enqueues or releases itself for ever
_KEY_WINDOW_MS = 86_400_000
_UTC = datetime.timezone.utc


class FakeTask:
    """A task in memory. Times are those of the driven clock."""

    def __init__(
        self, id: str, fields: Dict[str, Any], raw: str | bytes, now: datetime.datetime
    ) -> None:
        self.id = id
        self.fields = fields
        self.raw = raw
        self.type: str = fields["type"]
        self.queue: str = fields.get("queue", "default")
        self.priority: int = fields.get("priority", 5)
        self.enqueued_at = now
        self.state = "ready"
        self.attempt = 0
        self.leases = 0  # attempts, the unspent ones included
        self.policy = _policy(fields)
        self.max_attempts: int = fields.get("max_attempts") or self.policy["max_attempts"]
        self.due_at = _time(fields, "run_at", "delay_ms", now) or now
        self.expires_at = _time(fields, "expires_at", "expires_ms", now)
        self.deadline_at = _time(fields, "deadline_at", "deadline_ms", now)
        self.first_failure_at: Optional[datetime.datetime] = None
        self.finished_at: Optional[datetime.datetime] = None
        self.error_code = ""
        self.error_message = ""
        self.result: Any = None
        self.steps: Dict[str, Any] = {}
        self.checkpoint: Optional[Tuple[Any]] = None
        self.logs: Dict[int, str] = {}
        self.progress: Optional[float] = None
        self.cancel_token: Optional[CancelToken] = None
        if self.due_at > now:
            self.state = "scheduled"

    @property
    def payload(self) -> Any:
        """Of JSON the value, else the bytes."""
        return self.raw if isinstance(self.raw, bytes) else decode(self.raw)

    @property
    def is_waiting(self) -> bool:
        return self.state in ("scheduled", "ready", "retrying")

    def end(self, state: str, now: datetime.datetime, code: str = "", message: str = "") -> None:
        self.state, self.finished_at = state, now
        if code:
            self.error_code, self.error_message = code, message

    def info(self) -> TaskInfo:
        """As the client shows it."""
        return TaskInfo(
            id=self.id,
            type=self.type,
            queue=self.queue,
            state=self.state,
            priority=self.priority,
            attempt=self.attempt,
            max_attempts=self.max_attempts,
            enqueued_at=self.enqueued_at,
            run_at=self.due_at if self.state == "scheduled" else None,
            next_attempt_at=self.due_at if self.state == "retrying" else None,
            finished_at=self.finished_at,
            expires_at=self.expires_at,
            deadline_at=self.deadline_at,
            error_code=self.error_code,
            error_message=self.error_message,
            result=self.result,
            progress=self.progress,
            tags=tuple(sorted(set(self.fields.get("tags") or ()))),
            key=self.fields.get("idempotency_key"),
            traceparent=self.fields.get("traceparent"),
        )


class InMemory(Client):
    """See the head of this file. One thread; handlers may enqueue."""

    def __init__(
        self, app: Treadle, *, inline: bool = False, now: Optional[datetime.datetime] = None
    ) -> None:
        super().__init__("http://127.0.0.1:1", keys=False)
        self.now = now or datetime.datetime.now(_UTC)
        """The driven clock."""
        self._app = app
        self._inline = inline
        self._tasks: Dict[str, FakeTask] = {}
        self._keys_taken: Dict[Tuple[str, str], Tuple[FakeTask, Optional[datetime.datetime]]] = {}
        self._numbers = itertools.count(1)
        self._running: Dict[str, FakeTask] = {}
        self._before: Optional[Client] = None

    def __enter__(self) -> InMemory:
        self._before = self._app._client
        self._app.client = self
        return self

    def __exit__(self, *_: object) -> None:
        self._app._client = self._before

    # ---- for tests ----

    @property
    def tasks(self) -> List[FakeTask]:
        """All of them, in the order of enqueueing."""
        return list(self._tasks.values())

    def task(self, task_id: str) -> FakeTask:
        """Raises NotFoundError."""
        if task_id not in self._tasks:
            raise NotFoundError(f"there is no task {task_id}")
        return self._tasks[task_id]

    def run(self) -> int:
        """Runs all that is due, and what that enqueues; how many attempts that were."""
        for count in range(RUNS_MAX):
            task = self._next()
            if task is None:
                return count
            self._run_one(task)
        raise AssertionError(
            f"{RUNS_MAX} attempts, and still tasks are due: one of them never ends"
        )

    def advance(self, time: Duration) -> int:
        """Moves the clock, from one due task to the next, and runs them; how many attempts that
        were."""
        delta = time if isinstance(time, datetime.timedelta) else datetime.timedelta(seconds=time)
        until = self.now + delta
        count = self.run()
        while True:
            due = [
                each.due_at
                for each in self._tasks.values()
                if each.is_waiting
                and each.type in self._app.tasks
                and self.now < each.due_at <= until
            ]
            if not due:
                self.now = until
                return count + self.run()
            self.now = min(due)
            count += self.run()

    # ---- the server's part ----

    def _next(self) -> Optional[FakeTask]:
        ready: Optional[FakeTask] = None
        for task in self._tasks.values():
            if not task.is_waiting:
                continue
            if task.deadline_at is not None and task.deadline_at <= self.now:
                task.end(
                    "dead", self.now, "deadline_exceeded", "the deadline of the task has passed"
                )
            elif task.expires_at is not None and task.expires_at <= self.now and task.attempt == 0:
                task.end("expired", self.now, "expired", "the task has waited for too long")
            elif task.due_at <= self.now:
                task.state = "ready"
                if task.type in self._app.tasks and (
                    ready is None or task.priority > ready.priority
                ):
                    ready = task
        return ready

    def _run_one(self, task: FakeTask) -> None:
        task.state = "running"
        task.attempt += 1
        task.leases += 1
        lease = _lease(task)
        task.cancel_token = CancelToken()
        self._running[lease.token] = task
        try:
            report = self._report_of(lease, task.cancel_token)
        finally:
            del self._running[lease.token]
        self._apply(task, decode(report.json))

    def _report_of(self, lease: Lease, token: CancelToken) -> Report:
        app = self._app
        runner = Runner(
            {lease.type: app.tasks[lease.type]}, app.middlewares, self, with_endings=False
        )
        if not app.tasks[lease.type].is_coroutine:
            return runner.run(lease, token)
        found: List[Report] = []

        def run() -> None:
            found.append(asyncio.run(runner.arun(lease, token)))

        thread = threading.Thread(target=run)  # this one may have an event loop of its own
        thread.start()
        thread.join()
        return found[0]

    def _apply(self, task: FakeTask, report: Dict[str, Any]) -> None:
        if "log" in report:
            self._log(task, report["log"])
        outcome, error = report["outcome"], report.get("error") or {}
        is_cancelled = task.cancel_token is not None and task.cancel_token.is_set()
        if outcome == "completed":
            task.result = read_blob(report, "result")
            task.end("completed", self.now)
            task.steps, task.checkpoint = {}, None
        elif outcome == "discarded":
            task.end("cancelled", self.now, error["code"], error.get("message", ""))
        elif is_cancelled:
            task.end("cancelled", self.now, "asked", task.error_message)
        elif outcome == "failed":
            self._fail(task, error, report)
        else:
            task.attempt -= 1
            delay_ms = report.get("delay_ms", 0) if outcome == "snoozed" else 0
            self._wait(task, "scheduled" if delay_ms else "ready", delay_ms)

    def _fail(self, task: FakeTask, error: Dict[str, Any], report: Dict[str, Any]) -> None:
        task.error_code, task.error_message = error["code"], error.get("message", "")
        policy = task.policy
        task.first_failure_at = task.first_failure_at or self.now
        wait_ms = report.get("delay_ms")
        if wait_ms is None:
            wait_ms = _backoff_ms(policy, task.attempt)
        retries = report.get("retry", True) or task.error_code in policy["always"]
        total = policy["total_ms"]
        is_late = total > 0 and (self.now + _ms(wait_ms) > task.first_failure_at + _ms(total))
        if (
            not retries
            or task.error_code in policy["never"]
            or task.attempt >= task.max_attempts
            or is_late
        ):
            task.end("dead", self.now)
        else:
            self._wait(task, "retrying", wait_ms)

    def _wait(self, task: FakeTask, state: str, delay_ms: int) -> None:
        task.state = state
        task.due_at = self.now + _ms(delay_ms)

    @staticmethod
    def _log(task: FakeTask, log: Mapping[str, Any]) -> None:
        task.logs[task.leases] = task.logs.get(task.leases, "") + log["text"]

    def save(self, token: str, update: str, limit: float) -> int:
        """What running attempts save."""
        task, fields = self._running[token], decode(update)
        for step in fields.get("steps", ()):
            task.steps[step["name"]] = read_blob(step, "result")
        if "checkpoint" in fields:
            task.checkpoint = (read_blob(fields["checkpoint"], "data"),)
        if "progress" in fields:
            task.progress = fields["progress"]["fraction"]
        if "log" in fields:
            self._log(task, fields["log"])
        return len(task.logs.get(task.leases, "").encode())

    # ---- the client's part ----

    def submit(self, task: str) -> Enqueued:
        fields = decode(task)
        there = self._by_key(fields, task)
        if there is not None:
            return there
        made = FakeTask(f"1-{next(self._numbers)}", fields, _raw(task, fields), self.now)
        self._tasks[made.id] = made
        if "idempotency_key" in fields:
            window = None
            if "unique_while" not in fields:
                window = self.now + _ms(fields.get("idempotency_window_ms", _KEY_WINDOW_MS))
            self._keys_taken[(made.queue, fields["idempotency_key"])] = (made, window)
        if self._inline and not self._running:
            self.run()
        return Enqueued(made.id)

    def _send(self, tasks: Sequence[str]) -> List[Enqueued]:
        return [self.submit(each) for each in tasks]

    def submit_nowait(self, task: str) -> Future[Enqueued]:
        future: Future[Enqueued] = Future()
        try:
            future.set_result(self.submit(task))
        except TreadleError as error:
            future.set_exception(error)
        return future

    def _by_key(self, fields: Dict[str, Any], task: str) -> Optional[Enqueued]:
        key = (fields.get("queue", "default"), fields.get("idempotency_key", ""))
        there, until = self._keys_taken.get(key, (None, None))
        if there is None or (until is not None and until <= self.now) or _is_free(there, until):
            return None
        how = fields.get("on_duplicate", "return")
        if how == "replace" and there.is_waiting and there.attempt == 0:
            del self._tasks[there.id]
            return None
        if how == "return" and _untraced(fields) == _untraced(there.fields):
            return Enqueued(there.id, duplicate=True, state=there.state)
        raise AlreadyExistsError(f"the key is taken by task {there.id}")

    def get(self, task_id: str, *, wait: float = 0) -> TaskInfo:
        return self.task(task_id).info()

    def wait(self, task_id: str, timeout: float | None = None) -> TaskInfo:
        """Runs what is due first; the clock does not move."""
        task = self.task(task_id)
        if not self._running:
            self.run()
        if task.state not in ENDED:
            raise DeadlineExceededError(
                f"task {task_id} is still {task.state}; advance() the clock"
            )
        return task.info()

    def payload(self, task_id: str) -> Payload:
        return _lease(self.task(task_id)).as_payload()

    def log(self, task_id: str, attempt: int | None = None) -> str:
        task = self.task(task_id)
        return task.logs.get(task.leases if attempt is None else attempt, "")

    def list_tasks(self, **filters: Any) -> TaskPage:
        """Of the filters: queue, type, state, tag and key."""
        names = ("queue", "type", "state", "key")
        found = [
            each
            for each in map(FakeTask.info, reversed(self._tasks.values()))
            if all(filters.get(name) in (None, getattr(each, name)) for name in names)
            and (filters.get("tag") is None or filters["tag"] in each.tags)
        ]
        return TaskPage(found, None, self.now)

    def cancel(self, task_id: str, reason: str = "") -> str:
        task = self.task(task_id)
        if task.is_waiting:
            task.end("cancelled", self.now, "asked", reason)
        elif task.state == "running" and task.cancel_token is not None:
            task.error_message = reason
            task.cancel_token.cancel("requested")
        elif task.state != "cancelled":
            raise FailedPreconditionError(f"task {task_id} is {task.state}")
        return task.state

    def redrive(self, task_id: str) -> str:
        task = self.task(task_id)
        if task.state not in ("dead", "cancelled", "expired"):
            raise FailedPreconditionError(f"task {task_id} is {task.state}")
        task.attempt, task.first_failure_at, task.finished_at = 0, None, None
        task.expires_at = task.deadline_at = None
        self._wait(task, "ready", 0)
        return task.state

    def run_now(self, task_id: str) -> str:
        task = self.task(task_id)
        if task.is_waiting:
            self._wait(task, "ready", 0)
        return task.state

    def delete(self, task_id: str) -> None:
        task = self.task(task_id)
        if task.state == "running":
            raise FailedPreconditionError(f"task {task_id} is running; cancel it first")
        del self._tasks[task_id]

    def _call(self, *_: Any, **__: Any) -> Any:
        raise TreadleError("InMemory has no server to ask for this", code="UNIMPLEMENTED")


def _raw(task: str, fields: Dict[str, Any]) -> str | bytes:
    """The exact payload, as `Client.encoded` writes it behind the type."""
    if "payload_base64" in fields:
        return base64.b64decode(fields["payload_base64"])
    if "payload" not in fields:
        return "null"
    begin = task.index(',"payload":') + len(',"payload":')
    return task[begin : scan(task, begin)[1]]


def _untraced(fields: Dict[str, Any]) -> Dict[str, Any]:
    """What makes two requests the same."""
    return {name: value for name, value in fields.items() if name != "traceparent"}


def _lease(task: FakeTask) -> Lease:
    data = task.raw if isinstance(task.raw, bytes) else task.raw.encode()
    default = BYTES if isinstance(task.raw, bytes) else JSON
    fields = {
        "token": f"{task.id}.{max(task.leases, 1)}.1",
        "id": task.id,
        "queue": task.queue,
        "type": task.type,
        "attempt": max(task.attempt, 1),
        "max_attempts": task.max_attempts,
        "content_type": task.fields.get("content_type", default),
        "enqueued_at": task.enqueued_at.isoformat(),
        "payload_sha256": hashlib.sha256(data).hexdigest(),
        "sensitive": bool(task.fields.get("sensitive")),
    }
    if "traceparent" in task.fields:
        fields["traceparent"] = task.fields["traceparent"]
    if task.deadline_at is not None:
        fields["deadline_at"] = task.deadline_at.isoformat()
    lease = Lease(fields, task.payload, task.raw)
    lease.steps = dict(task.steps) or None
    lease.checkpoint = task.checkpoint
    return lease


def _is_free(task: FakeTask, until: Optional[datetime.datetime]) -> bool:
    """Whether a key of `unique_while` is no longer held."""
    if until is not None:
        return False
    held = task.fields["unique_while"]
    if held == "waiting":
        return task.leases > 0 or task.state in ENDED
    if held == "running":
        return (task.leases > 0 and task.state != "running") or task.state in ENDED
    return task.state in ENDED


def _policy(fields: Dict[str, Any]) -> Dict[str, Any]:
    own = fields.get("retry") or {}
    patient = own.get("preset") == "patient"
    policy = {
        "backoff": "exponential",
        "backoff_base_ms": 500,
        "backoff_cap_ms": 3_600_000 if patient else 60_000,
        "delays_ms": [],
        "max_attempts": 25 if patient else 20,
        "total_ms": 0,
        "never": [],
        "always": [],
    }
    policy.update(own)
    return policy


def _backoff_ms(policy: Dict[str, Any], failures: int) -> int:
    base, cap = policy["backoff_base_ms"], policy["backoff_cap_ms"]
    if policy["backoff"] == "listed":
        delays = policy["delays_ms"]
        return int(delays[min(failures, len(delays)) - 1])
    if policy["backoff"] == "fixed":
        return int(base)
    if policy["backoff"] == "linear":
        return int(min(base * failures, cap))
    return int(min(base * 2 ** min(failures - 1, 60), cap))


def _time(
    fields: Dict[str, Any], at: str, after: str, now: datetime.datetime
) -> Optional[datetime.datetime]:
    if at in fields:
        return parse_time(fields[at])
    return now + _ms(fields[after]) if after in fields else None


def _ms(number: int) -> datetime.timedelta:
    return datetime.timedelta(milliseconds=number)
