"""Task: a function that can be called here, or enqueued to run elsewhere."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
from concurrent.futures import Future
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Coroutine,
    Generic,
    Iterable,
    Mapping,
    Sequence,
    TypeVar,
    cast,
)

from .binding import Binding
from .context import Context, current
from .contract import Contract
from .convert import Converter, converter
from .errors import InvalidArgumentError
from .exact_json import encode
from .handle import TaskHandle
from .options import Duration, OptionFields, TaskOptions, milliseconds
from .payload import JSON, Payload
from .task_info import Enqueued

if TYPE_CHECKING:
    from typing_extensions import ParamSpec, Unpack

    from .app import Treadle

    P = ParamSpec("P")
else:
    P = TypeVar("P")
R = TypeVar("R")


class Task(Generic[P, R]):
    """What `@app.task` makes of a function. Calling it runs the function here and now."""

    def __init__(
        self,
        app: Treadle,
        function: Callable[..., Any],
        *,
        name: str,
        options: TaskOptions,
        pool: str = "",
        timeout: Duration | None = None,
        never_retry: Sequence[type[BaseException]] = (),
        contracts: Sequence[Contract] = (),
    ) -> None:
        functools.update_wrapper(self, function)
        self.app = app
        self.function = function
        self.name = name
        self.task_options = options
        self.pool = pool
        self.timeout = None if timeout is None else milliseconds(timeout, "timeout") / 1000
        if self.timeout == 0:
            raise InvalidArgumentError(
                f"the timeout of {name} must be more than 0", field="timeout"
            )
        self.never_retry = tuple(never_retry)
        self.contracts = tuple(contracts)
        self.is_coroutine = inspect.iscoroutinefunction(function)
        try:
            self.binding = Binding(function, Context)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} cannot be a task: {error}") from None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        result: R = self._called(args, kwargs)
        return result

    def _called(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Here and now; the context is that of the attempt that calls, unless it is given."""
        binding, name = self.binding, self.binding.context_name
        if name is None or name in kwargs or any(isinstance(each, Context) for each in args):
            return self.function(*args, **kwargs)
        place = binding.context_place
        if place is None or place > len(args):
            return self.function(*args, **{**kwargs, name: current()})
        return self.function(*args[:place], current(), *args[place:], **kwargs)

    def options(self, **fields: Unpack[OptionFields]) -> Task[P, R]:
        """The same task with other options: `resize.options(delay=60).enqueue(...)`."""
        changed: Task[P, R] = object.__new__(type(self))
        changed.__dict__.update(self.__dict__)
        changed.task_options = TaskOptions(**fields).over(self.task_options)
        return changed

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> TaskHandle[R]:
        """Enqueues a call; on return it is on the server's disk. The context is no argument
        here."""
        client = self.app.client
        payload = self._payload(args, kwargs)
        return self._handle(client.submit(client.encoded(self.name, payload, self.task_options)))

    def enqueue_many(self, calls: Iterable[Any]) -> list[TaskHandle[R]]:
        """Enqueues many calls, up to 1,000 in a request, each request all or none.

        A call is a tuple of arguments, a dict of named ones, or the only argument.
        """
        if self.task_options.key is not None:
            raise InvalidArgumentError("one key cannot be that of many tasks", field="key")
        client = self.app.client
        options = self.task_options
        tasks = [client.encoded(self.name, self._payload_of(each), options) for each in calls]
        return [self._handle(each) for each in client.submit_many(tasks)]

    def enqueue_nowait(self, *args: P.args, **kwargs: P.kwargs) -> Future[Enqueued]:
        """Enqueues without waiting; the future has the answer once the task is on the server's
        disk.

        `app.client.flush()` waits for all, and so does the end of the program.
        """
        client = self.app.client
        task = client.encoded(self.name, self._payload(args, kwargs), self.task_options)
        return client.submit_nowait(task)

    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> TaskHandle[R]:
        """`enqueue()` for coroutines."""
        run = contextvars.copy_context().run  # which knows the trace
        call = functools.partial(run, self.enqueue, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(None, call)

    def handle(self, task_id: str) -> TaskHandle[R]:
        """Of a task of this type that was enqueued before."""
        return self._handle(Enqueued(task_id))

    def _payload(self, args: Sequence[Any], kwargs: Any) -> Any:
        try:
            return self.binding.payload(args, kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}() {error}") from None

    def _payload_of(self, call: Any) -> Any:
        if isinstance(call, tuple):
            return self._payload(call, {})
        return self._payload((), call) if self._is_named_call(call) else self._payload((call,), {})

    def _is_named_call(self, call: Any) -> bool:
        if not isinstance(call, dict):
            return False
        names = {each.name for each in self.binding.parameters}
        return self.binding.takes_names or set(call) <= names

    def _handle(self, enqueued: Enqueued) -> TaskHandle[R]:
        return TaskHandle(self.app.client, enqueued, self._convert_result)

    def _convert_result(self, value: Any) -> Any:
        convert = self._result_converter()
        return value if convert is None else convert(value, "result")

    def _result_converter(self) -> Converter | None:
        annotation = self.binding.hints.get("return", Any)
        if annotation is bytes:
            return lambda value, _: value.data if isinstance(value, Payload) else value
        if annotation is Payload:
            return lambda value, _: value if isinstance(value, Payload) else _as_payload(value)
        return converter(annotation)

    def __repr__(self) -> str:
        return f"<Task {self.name}>"


class AsyncTask(Task[P, R]):
    """A Task of a coroutine function."""

    def __call__(  # type: ignore[override]
        self, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, R]:
        return cast("Coroutine[Any, Any, R]", self._called(args, kwargs))


def _as_payload(value: Any) -> Payload:
    return Payload(encode(value, "result").encode(), JSON)
