"""Treadle: an application's tasks, how they run, and the client that enqueues them."""

from __future__ import annotations

import inspect
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Coroutine, Protocol, Sequence, TypeVar, overload

from .client import Client
from .context import Context
from .contract import Contract
from .errors import InvalidArgumentError
from .options import Duration, OptionFields, TaskOptions
from .task import AsyncTask, Task

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec, Unpack

    P = ParamSpec("P")
else:
    P = TypeVar("P")
R = TypeVar("R")
Middleware = Callable[..., Any]
"""`middleware(context, call_next)`: returns what `call_next()` returns, or something else, or
raises.

A coroutine function surrounds handlers that are coroutine functions, a function the others.
"""


class TaskDecorator(Protocol):
    """What `app.task(...)` returns. A context that stands first is no argument of `enqueue`."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[Context, P], Coroutine[Any, Any, R]], /
    ) -> AsyncTask[P, R]: ...

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...

    @overload
    def __call__(self, function: Callable[Concatenate[Context, P], R], /) -> Task[P, R]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R]: ...


@dataclass
class Pool:
    """Queues with handlers and slots of their own: long tasks in one never keep short ones
    waiting."""

    name: str = ""  # stands behind the worker's name: "host-123.slow"
    queues: Sequence[str] = ("default",)
    concurrency: int = 10  # tasks at the same time; 1 to 1000
    processes: int = 0  # 0: threads; else functions run in so many child processes
    prefetch: bool = True  # short tasks are fetched ahead of their turn, for at most 20 ms of work


@dataclass
class WorkerSettings:
    """How a worker lives. Durations are seconds."""

    name: str = ""  # shows in task views; "": HOST-PID
    build: str = ""  # of the program; shows in histories
    shutdown_grace: float = 25.0  # how long a stop lets running tasks finish
    cancel_wait: float = 7.0  # how long cancelled handlers may take to return
    quiet: bool = False  # no line for each task that ends
    poll_wait: float = 30.0  # how long an exchange may wait for news
    lines: Callable[[str], None] | None = None  # takes the lines; None: standard error
    json_lines: bool | None = None  # None: JSON unless standard error is a terminal
    pools: list[Pool] = field(default_factory=list)


class Treadle:
    """An application.

        app = Treadle()

        @app.task(retries=5)
        def resize(path: str, width: int) -> str: ...

        resize.enqueue("a.png", width=300)

    The client connects when it is first needed; its options are those of `Client`.
    """

    def __init__(
        self,
        servers: str | Sequence[str] | None = None,
        *,
        token: str | None = None,
        ca_file: str | None = None,
        client: Client | None = None,
        queues: Sequence[str] = ("default",),
        concurrency: int = 10,
        settings: WorkerSettings | None = None,
    ) -> None:
        self.tasks: dict[str, Task[Any, Any]] = {}
        self.middlewares: list[Middleware] = []
        self.settings = settings or WorkerSettings()
        self.pools: dict[str, Pool] = {"": Pool(queues=queues, concurrency=concurrency)}
        for each in self.settings.pools:
            self.pool(each)
        self._servers = servers
        self._token = token
        self._ca_file = ca_file
        self._client = client
        self._lock = threading.Lock()
        # Where the app was made, so that child processes find it.
        self.module = str(sys._getframe(1).f_globals.get("__name__", "__main__"))

    @property
    def client(self) -> Client:
        """The client of this application; made when it is first asked for."""
        if self._client is None:
            with self._lock:
                if self._client is None:
                    self._client = Client(self._servers, token=self._token, ca_file=self._ca_file)
        return self._client

    @client.setter
    def client(self, client: Client | None) -> None:
        self._client = client

    @overload
    def task(
        self, function: Callable[Concatenate[Context, P], Coroutine[Any, Any, R]], /
    ) -> AsyncTask[P, R]: ...

    @overload
    def task(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...

    @overload
    def task(self, function: Callable[Concatenate[Context, P], R], /) -> Task[P, R]: ...

    @overload
    def task(self, function: Callable[P, R], /) -> Task[P, R]: ...

    @overload
    def task(
        self,
        function: None = None,
        /,
        *,
        name: str | None = None,
        pool: str = "",
        timeout: Duration | None = None,
        never_retry: Sequence[type[BaseException]] = (),
        contract: Contract | None = None,
        contracts: Sequence[Contract] = (),
        **options: Unpack[OptionFields],
    ) -> TaskDecorator: ...

    def task(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        pool: str = "",
        timeout: Duration | None = None,
        never_retry: Sequence[type[BaseException]] = (),
        contract: Contract | None = None,
        contracts: Sequence[Contract] = (),
        **options: Unpack[OptionFields],
    ) -> Any:
        """Makes a function, or a coroutine function, the handler of a task type.

        The type is the function's name, or `name`. `timeout`: an attempt that takes longer is
        cancelled and has failed. `never_retry`: exceptions after which the task is dead at once.
        `contract`: registered with the server when a worker starts. All other options hold for each
        task that is enqueued by it, and can be changed for one with `.options(...)`.
        """

        def decorate(function: Callable[..., Any]) -> Task[Any, Any]:
            if not callable(function):
                raise InvalidArgumentError(
                    f"{name or 'a task'} has no handler: {function!r} is no function",
                    field="function",
                )
            type_name = name or getattr(function, "__name__", "")
            if not type_name:
                raise InvalidArgumentError(
                    f"{function!r} has no name of its own: give one, as in "
                    '@app.task(name="resize")',
                    field="name",
                )
            if type_name in self.tasks:
                raise InvalidArgumentError(f"there is a task {type_name} already", field="name")
            make = AsyncTask if inspect.iscoroutinefunction(function) else Task
            made: Task[Any, Any] = make(
                self,
                function,
                name=type_name,
                options=TaskOptions(**options),
                pool=pool,
                timeout=timeout,
                never_retry=never_retry,
                contracts=[*([contract] if contract else []), *contracts],
            )
            self.tasks[type_name] = made
            return made

        return decorate if function is None else decorate(function)

    def pool(self, pool: Pool) -> Pool:
        """Adds a pool, or replaces the one of that name; "" is the pool of all tasks that name
        none."""
        self.pools[pool.name] = pool
        return pool

    def middleware(self, function: Middleware) -> Middleware:
        """Stands around every handler, the first one outermost. See `Middleware`."""
        if not callable(function):
            raise InvalidArgumentError(f"middleware {function!r} is no function", field="function")
        self.middlewares.append(function)
        return function

    def run_worker(self) -> int:
        """Works until SIGTERM or SIGINT; the exit status of a program."""
        from .worker.worker import Worker

        return Worker(self).run_until_signal()
