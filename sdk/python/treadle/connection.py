"""One HTTP/1.1 connection that is kept, to one of several servers.

One thread at a time makes calls; `cancel()` may come from any. A call that fails leaves the
connection closed, and the next one connects again, to the next server if this one cannot be
reached. HTTP is written by hand here because a worker's speed is the number of its system calls and
of its Python instructions: a request is one send, an answer is usually one receive.
"""

from __future__ import annotations

import select
import socket
import time
from typing import NamedTuple, Sequence

from .address import Address
from .errors import (
    DeadlineExceededError,
    InternalError,
    TreadleError,
    UnavailableError,
    error_from_problem,
)
from .exact_json import decode

ANSWER_BYTES_MAX = 64 << 20
HEAD_BYTES_MAX = 64 << 10
_RECEIVE_BYTES = 256 << 10


class Answer(NamedTuple):
    """Of the server, with a status below 300."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes


class CallCancelled(TreadleError):
    """`cancel()` was called."""

    code = "CANCELLED"


class Connection:
    """See the head of this file."""

    def __init__(
        self, servers: Sequence[Address], *, token: str = "", connect_timeout: float = 5.0
    ) -> None:
        self._servers = list(servers)
        self._current = 0
        self._token = token
        self._connect_timeout = connect_timeout
        self._socket: socket.socket | None = None
        self._head = ""
        self._rest = b""
        self._cancelled = False
        # Of the last call: whether any byte of it may have reached a server without an answer.
        self.may_have_arrived = False

    @property
    def url(self) -> str:
        """Of the server that is asked now."""
        return self._servers[self._current].url

    def call(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        *,
        timeout: float,
        repeatable: bool = True,
    ) -> Answer:
        """Asks once, and returns the answer; raises the TreadleError that the server names.

        A kept connection that the server closed meanwhile is replaced without a word if the request
        is `repeatable` and nothing of an answer came.
        """
        deadline = time.monotonic() + timeout
        self.may_have_arrived = False
        was_open = self._socket is not None
        while True:
            if not repeatable and self._socket is not None and self._has_news():
                self.close()
            if self._socket is None:
                was_open = False
                self._connect_to_any(deadline)
            try:
                answer = self._exchange(method, target, body, deadline)
            except socket.timeout:  # TimeoutError is another class before Python 3.10
                self.close()
                raise DeadlineExceededError(f"no answer in time from {self.url}") from None
            except (OSError, EOFError) as error:
                self.close()
                if self._cancelled:
                    raise CallCancelled("the call was cancelled") from None
                if was_open and repeatable and not self._rest:
                    was_open = False
                    continue
                raise UnavailableError(self._broke(error)) from None
            except BaseException:
                self.close()
                raise
            self.may_have_arrived = False
            return self._checked(answer)

    def cancel(self) -> None:
        """Ends the call under way and all later ones with CallCancelled. Any thread."""
        self._cancelled = True
        current = self._socket
        if current is not None:
            try:
                # Not the method of a TLS connection: that would take the encryption away from under
                # a thread that is about to send.
                socket.socket.shutdown(current, socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self) -> None:
        """Closes the connection; the next call makes another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # ---- connecting ----

    def _connect_to_any(self, deadline: float) -> None:
        failure: UnavailableError | None = None
        for _ in self._servers:
            try:
                self._connect(deadline)
                return
            except UnavailableError as error:
                failure = error
                self._current = (self._current + 1) % len(self._servers)
        assert failure is not None
        raise failure

    def _connect(self, deadline: float) -> None:
        if self._cancelled:
            raise CallCancelled("the call was cancelled")
        address = self._servers[self._current]
        limit = max(min(self._connect_timeout, deadline - time.monotonic()), 0.001)
        until = time.monotonic() + limit
        try:
            made = socket.create_connection((address.host, address.port), timeout=limit)
        except socket.timeout:
            raise self._unreachable("no answer in time") from None
        except OSError as error:
            raise self._unreachable(error.strerror or str(error)) from None
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = made
        if address.is_tls:
            self._secure(made, address, until)
        self._rest = b""
        if self._cancelled:
            self.close()
            raise CallCancelled("the call was cancelled")
        token = f"Authorization: Bearer {self._token}\r\n" if self._token else ""
        self._head = (
            f" HTTP/1.1\r\nHost: {address.authority}\r\nUser-Agent: treadle-python\r\n{token}"
        )

    def _secure(self, plain: socket.socket, address: Address, until: float) -> None:
        """TLS, on the connection that was just made."""
        from .tls import handshake_error, wrapped

        is_secured = False
        try:
            made = wrapped(plain, address.host, address.ca_file)
            self._socket = made  # cancel() also ends the handshake
            if self._cancelled:
                raise ConnectionAbortedError
            made.settimeout(max(until - time.monotonic(), 0.001))
            made.do_handshake()
            is_secured = True
        except socket.timeout:
            raise self._unreachable("no answer in time") from None
        except OSError as error:
            if self._cancelled:
                raise CallCancelled("the call was cancelled") from None
            raise handshake_error(error, self.url) from None
        finally:
            if not is_secured:  # or the next call would be sent as it is
                self.close()

    def _unreachable(self, why: str) -> UnavailableError:
        return UnavailableError(f"cannot reach a Treadle server at {self.url}: {why}")

    def _broke(self, error: BaseException) -> str:
        if isinstance(error, EOFError):
            return f"the connection to {self.url} was closed"
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return f"the connection to {self.url} broke: {why}"

    def _has_news(self) -> bool:
        """Whether the server closed it, or sent what nobody asked for."""
        assert self._socket is not None
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        if not poll.poll(0):
            return False
        if not self._servers[self._current].is_tls:
            return True
        from .tls import has_news

        return has_news(self._socket)

    # ---- one request, one answer ----

    def _exchange(
        self, method: str, target: str, body: bytes | None, deadline: float
    ) -> Answer:
        head = f"{method} {target}{self._head}"
        if body is None:
            request = f"{head}Content-Length: 0\r\n\r\n".encode()
        else:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            request = head.encode() + body
        channel = self._socket
        assert channel is not None
        if self._cancelled:
            raise ConnectionAbortedError
        channel.settimeout(max(deadline - time.monotonic(), 0.001))
        self.may_have_arrived = True
        channel.sendall(request)
        return self._receive(channel, deadline)

    def _receive(self, channel: socket.socket, deadline: float) -> Answer:
        while True:
            data = self._more(channel, b"", deadline)
            while (end := data.find(b"\r\n\r\n")) < 0:
                if len(data) > HEAD_BYTES_MAX:
                    raise InternalError(f"{self.url} does not answer like a Treadle server")
                data = self._more(channel, data, deadline)
            status, headers = self._parse_head(data[:end])
            if status != 100:
                break
            self._rest = data[end + 4 :]
        data = data[end + 4 :]
        if "chunked" in headers.get("transfer-encoding", "").lower():
            body = self._chunks(channel, data, deadline)
        elif (length := headers.get("content-length")) is not None:
            body = self._body(channel, data, int(length), deadline)
        else:
            body = self._until_end(channel, data, deadline)
        if headers.get("connection", "").lower() == "close" or self._rest:
            self.close()
        return Answer(status, headers, body)

    def _more(self, channel: socket.socket, data: bytes, deadline: float) -> bytes:
        if self._rest:
            data, self._rest = data + self._rest, b""
            return data
        if data:  # The first receive has the timeout that was set for the send.
            channel.settimeout(max(deadline - time.monotonic(), 0.001))
        received = channel.recv(_RECEIVE_BYTES)
        if not received:
            self._rest = data
            raise EOFError
        return data + received

    def _parse_head(self, head: bytes) -> tuple[int, dict[str, str]]:
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
            raise InternalError(f"{self.url} does not answer like a Treadle server")
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return int(words[1]), headers

    def _body(self, channel: socket.socket, data: bytes, length: int, deadline: float) -> bytes:
        if length > ANSWER_BYTES_MAX:
            raise InternalError(f"the answer of {self.url} exceeds 64 MiB")
        if len(data) < length:
            buffer = bytearray(length)
            buffer[: len(data)] = data
            view, at = memoryview(buffer), len(data)
            while at < length:
                channel.settimeout(max(deadline - time.monotonic(), 0.001))
                received = channel.recv_into(view[at:])
                if not received:
                    self._rest = data or b"\0"
                    raise EOFError
                at += received
            return bytes(buffer)
        self._rest = data[length:]
        return data[:length]

    def _chunks(self, channel: socket.socket, data: bytes, deadline: float) -> bytes:
        body = bytearray()
        while True:
            while (end := data.find(b"\r\n")) < 0:
                data = self._more(channel, data, deadline)
            size = int(data[:end].split(b";")[0], 16)
            data = data[end + 2 :]
            if len(body) + size > ANSWER_BYTES_MAX:
                raise InternalError(f"the answer of {self.url} exceeds 64 MiB")
            while len(data) < size + 2:
                data = self._more(channel, data, deadline)
            body += data[:size]
            data = data[size + 2 :]
            if size == 0:
                self._rest = data
                return bytes(body)

    def _until_end(self, channel: socket.socket, data: bytes, deadline: float) -> bytes:
        while True:
            try:
                data = self._more(channel, data, deadline)
            except EOFError:
                self._rest = b""
                self.close()
                return data

    def _checked(self, answer: Answer) -> Answer:
        if answer.status < 300:
            return answer
        if answer.status < 400:
            raise InternalError(
                f"{self.url} answered with a redirection, HTTP {answer.status}; is that a Treadle "
                "server? Check the address"
            )
        try:
            problem = decode(answer.body)
        except TreadleError:
            problem = None
        raise error_from_problem(answer.status, problem)
