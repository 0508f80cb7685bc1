"""AttemptSession: what one attempt saves, tells and logs, on its way to the server.

Steps and checkpoints are durable when the call returns. Log lines and progress are gathered, and go
with whatever is sent next, at the latest with the report of the attempt's end. Any thread.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Optional, Protocol, Tuple

from .errors import LeaseLostError, TreadleError
from .exact_json import quote
from .payload import blob_fields
from .wire import Lease, clean, log_field

LOG_BYTES_MAX = 64 << 10  # the server keeps no more of an attempt
_LOG_SEND_BYTES = 8 << 10
_LOG_EVERY = 2.0
_PROGRESS_EVERY = 0.5
SAVE_LIMIT = 30.0  # seconds for the server to take a step
TELL_LIMIT = 2.0  # log lines, progress: a handler waits no longer


class Sender(Protocol):
    """Brings an update (AttemptUpdate of the API) to the server."""

    def save(self, token: str, update: str, limit: float) -> int:
        """How many bytes of log are kept by now. Raises TreadleError."""


class AttemptSession:
    """See the head of this file. `spawn` runs a call elsewhere if the caller must not block."""

    def __init__(
        self,
        lease: Lease,
        sender: Sender,
        spawn: Optional[Callable[[Callable[[], None]], Any]] = None,
    ) -> None:
        self._token = lease.token
        self._sender = sender
        self._spawn = spawn
        self._lock = threading.RLock()  # held while sending: what is saved arrives in its order
        self._steps = dict(lease.steps or {})
        self._checkpoint = lease.checkpoint
        self._log = bytearray()  # not yet sent
        self._log_bytes = 0  # of what was sent
        self._log_is_full = False
        self._progress = ""  # not yet sent
        self._is_lost = False
        self._sent_at = time.monotonic()
        self._progress_at = 0.0
        self._is_spawned = False

    def find_step(self, name: str) -> Optional[Tuple[Any]]:
        """The result of a step that is done, in a tuple; None if it is not."""
        return (self._steps[name],) if name in self._steps else None

    def save_step(self, name: str, result: Any) -> None:
        """Raises TreadleError if it could not be kept."""
        fields = blob_fields(result, "result", field=f"step {name}")
        with self._lock:
            self._send(f'"steps":[{{"name":{quote(name)}{"," + fields if fields else ""}}}]')
            self._steps[name] = result

    def find_checkpoint(self) -> Optional[Tuple[Any]]:
        """What was saved last, in a tuple; None if nothing was."""
        return self._checkpoint

    def save_checkpoint(self, value: Any) -> None:
        """Raises TreadleError if it could not be kept."""
        fields = blob_fields(value, "data", field="checkpoint")
        with self._lock:
            self._send(f'"checkpoint":{{{fields}}}')
            self._checkpoint = (value,)

    def tell_progress(self, fraction: float, message: str) -> None:
        """May be called in a loop: it is sent about twice a second."""
        bounded = min(max(fraction, 0.0), 1.0) if fraction == fraction else 0.0
        text = clean(message).replace("\n", " ")[:256]
        with self._lock:
            self._progress = f'"progress":{{"fraction":{bounded!r},"message":{quote(text)}}}'
            if bounded < 1 and time.monotonic() < self._progress_at + _PROGRESS_EVERY:
                return
            self._progress_at = time.monotonic()
        self._send_soon()

    def append_log(self, text: str) -> None:
        """Lines; a missing end is added. What is beyond 64 KiB is dropped."""
        if self._log_is_full or not text:
            return
        data = clean(text).encode()
        with self._lock:
            room = LOG_BYTES_MAX - self._log_bytes - len(self._log)
            self._log += data[:room]
            if len(data) >= room:
                self._log_is_full = True
            elif not data.endswith(b"\n"):
                self._log += b"\n"
            is_late = time.monotonic() >= self._sent_at + _LOG_EVERY
            if len(self._log) < _LOG_SEND_BYTES and not is_late:
                return
        self._send_soon()

    @property
    def is_sending(self) -> bool:
        """Whether a call runs elsewhere that brings what was gathered to the server."""
        return self._is_spawned

    def settle(self) -> None:
        """Waits until nothing is on its way; that is not long."""
        with self._lock:
            self._is_spawned = False

    def take_log(self) -> Optional[Tuple[int, str]]:
        """Offset and text of what is left of the log, for the report. The session is over."""
        with self._lock:
            if not self._log:
                return None
            text, self._log = bytes(self._log), bytearray()
            return self._log_bytes, text.decode("utf-8", "ignore")

    def _send_soon(self) -> None:
        if self._spawn is None:
            self._send_gathered()
        elif not self._is_spawned:
            self._is_spawned = True
            self._spawn(self._send_gathered)

    def _send_gathered(self) -> None:
        with self._lock:
            try:
                self._send("")
            except TreadleError:
                pass  # it goes with what comes next
            finally:
                self._is_spawned = False

    def _send(self, durable: str) -> None:
        """Log and progress ride along. What is durable does not fail because of them."""
        if self._is_lost:
            raise LeaseLostError("another worker has the task")
        parts = [durable] if durable else []
        log = ""
        if self._log:
            log = bytes(self._log).decode("utf-8", "ignore")
            parts.append(log_field(self._log_bytes, log))
        if self._progress:
            parts.append(self._progress)
        if not parts:
            return
        limit = SAVE_LIMIT if durable else TELL_LIMIT
        self._sent_at = time.monotonic()
        try:
            kept = self._sender.save(self._token, "{" + ",".join(parts) + "}", limit)
        except LeaseLostError:
            self._is_lost = True
            raise
        except TreadleError as error:
            if error.code != "INVALID_ARGUMENT":
                raise
            self._log.clear()
            self._progress = ""
            if not durable or len(parts) == 1:
                raise
            kept = self._sender.save(self._token, "{" + durable + "}", limit)
        self._log_bytes = min(max(kept, 0), LOG_BYTES_MAX)
        self._log_is_full = self._log_is_full or self._log_bytes >= LOG_BYTES_MAX
        self._log.clear()
        self._progress = ""
