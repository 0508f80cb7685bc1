"""Calls to the server that outlive its absence, on connections that threads share.

A call that no server took is repeated, with growing pauses and at each server in turn, until its
time is up. A call that broke off after it was sent is repeated only if it says that this is
harmless. Any thread; a process that was forked makes connections of its own.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Callable, Sequence

from .address import Address
from .backoff import Backoff
from .connection import Answer, Connection
from .errors import DeadlineExceededError, TreadleError, UnavailableError


class Caller:
    """See the head of this file. At most `connections` calls are under way; others wait."""

    def __init__(
        self,
        servers: Sequence[Address],
        *,
        token: str = "",
        connect_timeout: float = 5.0,
        connections: int = 32,
    ) -> None:
        self._servers = list(servers)
        self._token = token
        self._connect_timeout = connect_timeout
        self._connections = connections
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._slots = threading.BoundedSemaphore(self._connections)
        self._idle: list[Connection] = []

    def call(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        *,
        timeout: float,
        wait: float = 0,
        repeatable: bool = True,
        also_repeat: Callable[[TreadleError], bool] | None = None,
        stop: threading.Event | None = None,
    ) -> Answer:
        """The answer. `timeout` is for all tries together; `wait` is what the server was asked to
        wait, and comes on top. `also_repeat` names further errors to repeat; `stop` ends pauses."""
        deadline = time.monotonic() + timeout + wait
        backoff = Backoff()
        while True:
            connection = self._borrow(deadline)
            try:
                return connection.call(
                    method,
                    target,
                    body,
                    timeout=max(deadline - time.monotonic(), 0.001),
                    repeatable=repeatable,
                )
            except UnavailableError as error:
                if connection.may_have_arrived and not repeatable:
                    raise UnavailableError(
                        f"{error.detail}; it is not known whether the request was taken "
                        "(with an idempotency key it is sent again)"
                    ) from None
                failure: TreadleError = error
            except TreadleError as error:
                if also_repeat is None or not also_repeat(error):
                    raise
                failure = error
            finally:
                self._give_back(connection)
            pause = max(backoff.next(), failure.retry_after or 0)
            if time.monotonic() + pause >= deadline or (stop is not None and stop.is_set()):
                raise failure
            if stop is None:
                time.sleep(pause)
            elif stop.wait(pause):
                raise failure

    def close(self) -> None:
        """Closes the connections that nobody uses."""
        idle, self._idle = self._idle, []
        for each in idle:
            each.close()

    def _borrow(self, deadline: float) -> Connection:
        if self._process != os.getpid():
            self._begin()  # the other process has those connections
        if not self._slots.acquire(timeout=max(deadline - time.monotonic(), 0)):
            raise DeadlineExceededError("all connections were in use until the deadline")
        try:
            return self._idle.pop()
        except IndexError:
            return Connection(
                self._servers, token=self._token, connect_timeout=self._connect_timeout
            )

    def _give_back(self, connection: Connection) -> None:
        self._idle.append(connection)
        self._slots.release()
