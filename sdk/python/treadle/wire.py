"""The worker's part of the wire (docs/openapi.yaml): exchanges, leases and reports.

Plain functions and values, without connections. Reports are JSON text from the moment at which they
are known, so that sending one again costs nothing and says the same.
"""

from __future__ import annotations

import re
from hashlib import sha256 as _sha256
from typing import Any, Callable, Sequence

from .errors import InternalError, TreadleError
from .exact_json import lenient_scan, quote, scan
from .payload import JSON, Payload, blob_fields, from_base64, read_blob

ITEMS_MAX = 1000  # leases, reports and renewals of an exchange
IN_FLIGHT_MAX = 4  # exchanges
NAMES_MAX = 100  # queues, types
_PAYLOAD = ',"payload":'
_HEAD_MAX = 4096  # characters of a lease before its payload, usually 400
REPORT_BYTES_MAX = 8 << 20  # of the reports of one exchange: half of what the server takes

_KEY = re.compile(r'[ \t\r\n]*"((?:[^"\\]|\\.)*)"[ \t\r\n]*:[ \t\r\n]*').match
_SPACE = re.compile(r"[ \t\r\n]*").match


class Lease:
    """A task that this worker is to run, and the right to do so.

    `payload` is the value of a JSON payload, else the bytes; `raw` is the exact text or bytes.
    `is_damaged`: the payload that arrived does not have its SHA-256. `unreadable`: why a number of
    its payload, steps or checkpoint is missing; empty if none is.
    """

    __slots__ = (
        "token", "id", "type", "attempt", "max_attempts", "lease_ms", "timeout_ms", "content_type",
        "payload", "raw", "is_damaged", "unreadable", "sensitive", "steps", "checkpoint", "_fields",
    )  # fmt: skip

    token: str
    id: str
    type: str
    attempt: int
    max_attempts: int
    lease_ms: int
    timeout_ms: int | None
    content_type: str
    payload: Any
    raw: str | bytes
    is_damaged: bool
    unreadable: str
    sensitive: bool
    steps: dict[str, Any] | None
    checkpoint: tuple[Any] | None  # None: there is none

    def __init__(self, fields: dict[str, Any], payload: Any, raw: str | bytes | None) -> None:
        """Raises KeyError if a field is missing that no lease can do without."""
        self._read(fields)
        if raw is None:
            payload, raw = self._other_payload(fields)
        self.payload = payload
        self.raw = raw
        data = raw if isinstance(raw, bytes) else raw.encode()
        if _sha256(data).hexdigest() != fields.get("payload_sha256"):
            self.is_damaged = True
        steps, checkpoint = fields.get("steps"), fields.get("checkpoint")
        self.steps = None if steps is None else _read_steps(steps)
        self.checkpoint = None if checkpoint is None else (read_blob(checkpoint, "data"),)

    def _read(self, fields: dict[str, Any]) -> None:
        get = fields.get
        self._fields = fields
        self.token = fields["token"]
        self.id = fields["id"]
        self.type = fields["type"]
        self.attempt = fields["attempt"]
        self.max_attempts = get("max_attempts", 0)
        self.lease_ms = get("lease_ms", 0)
        self.timeout_ms = get("timeout_ms")
        self.content_type = get("content_type", JSON)
        self.sensitive = get("sensitive", False)
        self.is_damaged = False
        self.unreadable = ""

    def __reduce__(self) -> tuple[Any, ...]:
        """For another process, which need not look at the hash again."""
        parts = (self.payload, self.raw, self.is_damaged, self.unreadable)
        return _lease_of, (self._fields, *parts, self.steps, self.checkpoint)

    @property
    def queue(self) -> str:
        return str(self._fields.get("queue", "default"))

    @property
    def enqueued_at(self) -> str:
        return str(self._fields.get("enqueued_at", ""))

    @property
    def deadline_at(self) -> str | None:
        return self._fields.get("deadline_at")

    @property
    def contract_version(self) -> int | None:
        return self._fields.get("contract_version")

    @property
    def traceparent(self) -> str | None:
        return self._fields.get("traceparent")

    def _other_payload(self, fields: dict[str, Any]) -> tuple[Any, str | bytes]:
        coded = fields.get("payload_base64")
        if coded is None:
            return None, "null"
        try:
            data = from_base64(coded)
        except TreadleError:
            data = b""
            self.is_damaged = True
        return data, data

    def as_payload(self) -> Payload:
        """Exact bytes and content type."""
        data = self.raw if isinstance(self.raw, bytes) else self.raw.encode()
        return Payload(data, self.content_type)


def _lease_of(
    fields: dict[str, Any],
    payload: Any,
    raw: str | bytes,
    is_damaged: bool,
    unreadable: str,
    steps: dict[str, Any] | None,
    checkpoint: tuple[Any] | None,
) -> Lease:
    lease = Lease.__new__(Lease)
    lease._read(fields)
    lease.payload, lease.raw = payload, raw
    lease.is_damaged, lease.unreadable = is_damaged, unreadable
    lease.steps, lease.checkpoint = steps, checkpoint
    return lease


class ExchangeAnswer:
    """Of the server to an exchange."""

    __slots__ = ("leases", "reports", "lost", "cancelled")

    def __init__(self) -> None:
        self.leases: list[Lease] = []
        self.reports: list[dict[str, Any]] = []
        self.lost: list[str] = []
        self.cancelled: list[str] = []


# ---- exchanges ----


class ExchangeWriter:
    """Writes exchanges of one worker, whose first and last fields are always the same."""

    def __init__(
        self,
        worker: str,
        build: str,
        incarnation: str,
        queues: Sequence[str],
        types: Sequence[str],
    ) -> None:
        built = f',"build":{quote(build)}' if build else ""
        self._head = f'{{"worker":{quote(worker)}{built},"incarnation":"{incarnation}"'
        names = ",".join(map(quote, queues))
        kinds = ",".join(map(quote, types))
        self._names = f',"queues":[{names}],"types":[{kinds}]'

    def write(
        self,
        sequence: int,
        answered: int,
        want: int,
        wait_ms: int,
        renew: Sequence[str],
        reports: Sequence[str],
        *,
        goodbye: bool = False,
    ) -> bytes:
        """The body of one exchange; `reports` are JSON."""
        parts = [self._head, f',"sequence":{sequence}']
        if answered != sequence - 1:
            parts.append(f',"answered":{answered}')
        parts.append(self._names)
        parts.append(f',"want":{want},"wait_ms":{wait_ms}')
        if renew:
            tokens = '","'.join(renew)
            parts.append(f',"renew":["{tokens}"]')
        if reports:
            parts.append(',"reports":[')
            parts.append(",".join(reports))
            parts.append("]")
        if goodbye:
            parts.append(',"goodbye":true')
        parts.append("}")
        return "".join(parts).encode()


def read_exchange(body: bytes) -> ExchangeAnswer:
    """Raises InternalError if that is no answer to an exchange."""
    answer = ExchangeAnswer()
    try:
        text = body.decode()
        found = _read_fields(text, _begin(text, 0, "{"), answer)
    except (ValueError, KeyError, TypeError, StopIteration, IndexError, AttributeError) as error:
        raise InternalError(f"cannot read the server's answer: {error!r}") from None
    for name in ("leases", "reports", "lost"):
        if name not in found:
            raise InternalError(f"cannot read the server's answer: {name} is missing")
    return answer


def _read_fields(text: str, at: int, answer: ExchangeAnswer) -> set[str]:
    found: set[str] = set()
    while text[at] != "}":
        name, at = _key(text, at)
        found.add(name)
        if name == "leases":
            answer.leases, at = _read_leases(text, at)
        else:
            value, at = scan(text, at)
            if name in ("reports", "lost", "cancelled"):
                if not isinstance(value, list):
                    raise ValueError(f"{name} is no list")
                setattr(answer, name, value)
        at = _after(text, at, "}")
    return found


def _read_leases(text: str, at: int) -> tuple[list[Lease], int]:
    leases: list[Lease] = []
    at = _begin(text, at, "[")
    while text[at] != "]":
        lease, at = _read_lease(text, at)
        leases.append(lease)
        at = _after(text, at, "]")
    return leases, at + 1


_Scan = Callable[[str, int], "tuple[Any, int]"]


def _read_lease(text: str, at: int) -> tuple[Lease, int]:
    """A number that Python does not read must not keep all other leases from this worker."""
    try:
        return _read_lease_by(scan, text, at)
    except ValueError as error:
        lease, end = _read_lease_by(lenient_scan, text, at)
        lease.unreadable = str(error)
        return lease, end


def _read_lease_by(scan: _Scan, text: str, at: int) -> tuple[Lease, int]:
    """The payload's exact text is needed for its hash, so it is cut out of the answer.

    The quick way takes the payload for the last field of its lease, as Treadle writes it: it ends
    before the last bracket. If the hash says otherwise, the lease is read again, field by field.
    """
    fields, end = scan(text, at)
    place = text.find(_PAYLOAD, at, min(at + _HEAD_MAX, end))
    if place > 0:
        lease = Lease(fields, fields.get("payload"), text[place + len(_PAYLOAD) : end - 1])
        if not lease.is_damaged:
            return lease, end
    return _read_lease_slowly(scan, text, at)


def _read_steps(steps: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {each["name"]: read_blob(each, "result") for each in steps}


def _read_lease_slowly(scan: _Scan, text: str, at: int) -> tuple[Lease, int]:
    fields: dict[str, Any] = {}
    raw: str | None = None
    at = _begin(text, at, "{")
    while text[at] != "}":
        name, begin = _key(text, at)
        value, at = scan(text, begin)
        fields[name] = value
        if name == "payload":
            raw = text[begin:at]
        at = _after(text, at, "}")
    return Lease(fields, fields.get("payload"), raw), at + 1


def _begin(text: str, at: int, bracket: str) -> int:
    at = _skip(text, at)
    if text[at] != bracket:
        raise ValueError(f"no {bracket} at {at}")
    return _skip(text, at + 1)


def _key(text: str, at: int) -> tuple[str, int]:
    found = _KEY(text, at)
    if found is None:
        raise ValueError(f"no name at {at}")
    return found.group(1), found.end()


def _after(text: str, at: int, bracket: str) -> int:
    """Behind a value: the beginning of the next one, or the place of the closing bracket."""
    at = _skip(text, at)
    if text[at] == ",":
        return _skip(text, at + 1)
    if text[at] != bracket:
        raise ValueError(f"no {bracket} at {at}")
    return at


def _skip(text: str, at: int) -> int:
    if text[at] > " ":
        return at
    found = _SPACE(text, at)
    assert found is not None
    return found.end()


# ---- reports ----


def completed(token: str, result: Any) -> str:
    """Raises EncodingError, or InvalidArgumentError for a result that is too large."""
    if result is None:
        return f'{{"token":"{token}","outcome":"completed"}}'
    fields = blob_fields(result, "result", with_sha256=True)
    return f'{{"token":"{token}","outcome":"completed",{fields}}}'


def failed(token: str, code: str, message: str, retry: bool, delay_ms: int | None = None) -> str:
    delay = "" if delay_ms is None or not retry else f',"delay_ms":{delay_ms}'
    return (
        f'{{"token":"{token}","outcome":"failed","error":{_error(code, message)},'
        f'"retry":{"true" if retry else "false"}{delay}}}'
    )


def snoozed(token: str, delay_ms: int) -> str:
    return f'{{"token":"{token}","outcome":"snoozed","delay_ms":{delay_ms}}}'


def discarded(token: str, code: str, message: str) -> str:
    return f'{{"token":"{token}","outcome":"discarded","error":{_error(code, message)}}}'


def released(token: str) -> str:
    return f'{{"token":"{token}","outcome":"released"}}'


def with_log(report: str, offset: int, text: str) -> str:
    """The report with the last of the attempt's log."""
    return f"{report[:-1]},{log_field(offset, text)}}}"


def log_field(offset: int, text: str) -> str:
    return f'"log":{{"offset":{offset},"text":{quote(clean(text))}}}'


def _error(code: str, message: str) -> str:
    code = printable(code, 64) or "failed"
    return f'{{"code":{quote(code)},"message":{quote(tail(encodable(message), 8192))}}}'


def clean(text: str) -> str:
    """Text without half surrogate pairs and NUL, as logs have it."""
    return encodable(text.replace("\0", " "))


def encodable(text: str) -> str:
    """Text without half surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-8", "replace").decode()
    return text


def printable(text: str, bytes_max: int) -> str:
    """The beginning of `text`, without control characters."""
    text = clean(
        "".join("?" if char < " " or char == "\x7f" else char for char in text[:bytes_max])
    )
    return text.encode()[:bytes_max].decode("utf-8", "ignore")


def tail(text: str, bytes_max: int) -> str:
    """The end of `text` that has at most so many bytes."""
    data = text.encode()
    return text if len(data) <= bytes_max else data[-bytes_max:].decode("utf-8", "ignore")
