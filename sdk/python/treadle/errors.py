"""What can go wrong, as exceptions.

Every error of the server or of the way to it is a `TreadleError` with a stable `code` (the
canonical status names of the API), the `field` that is at fault if the server names one, and
`retry_after` in seconds if the server says when the same call may succeed.
"""

from __future__ import annotations

import re
from typing import Any

_FIELD = re.compile(r"^([a-z][a-z0-9_]*(?:\[\d+\]|\.[A-Za-z0-9_]+)*) ")
_FIELDS = frozenset(
    (
        "type queue payload payload_base64 content_type payload_sha256 priority contract_version "
        "max_attempts tags expires_at expires_ms deadline_at deadline_ms attempt_timeout_ms retry "
        "run_at delay_ms idempotency_key idempotency_window_ms on_duplicate unique_while "
        "sensitive limit cursor worker state tag key error_code fingerprint text payload_text "
        "reason input_schema output_schema error_codes defaults steps checkpoint progress log "
        "edit action rate tasks traceparent "
    ).split()
)


class TreadleError(Exception):
    """Base of all errors of this package. `code` is stable, `detail` is one sentence for a
    person."""

    code = "UNKNOWN"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        field: str | None = None,
        retry_after: float | None = None,
        http_status: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code
        self.field = field
        self.retry_after = retry_after
        self.http_status = http_status

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.detail, dict(self.__dict__)))


def _rebuild(kind: type[TreadleError], detail: str, state: dict[str, Any]) -> TreadleError:
    error = kind.__new__(kind)
    Exception.__init__(error, detail)
    error.__dict__.update(state)
    return error


class InvalidArgumentError(TreadleError, ValueError):
    """The request is wrong, and would be wrong again; `field` names what is at fault."""

    code = "INVALID_ARGUMENT"


class NotFoundError(TreadleError, LookupError):
    """Nothing has that name or ID, or it is no longer kept."""

    code = "NOT_FOUND"


class AlreadyExistsError(TreadleError):
    """The idempotency key is taken by another request."""

    code = "ALREADY_EXISTS"


class FailedPreconditionError(TreadleError):
    """The task or queue is not in a state for this."""

    code = "FAILED_PRECONDITION"


class ResourceExhaustedError(TreadleError):
    """A bound of the server is reached; `retry_after` says when to try again, if known."""

    code = "RESOURCE_EXHAUSTED"


class UnavailableError(TreadleError, ConnectionError):
    """No server could be reached, or the answer was lost and the call could not be repeated."""

    code = "UNAVAILABLE"


class DeadlineExceededError(TreadleError, TimeoutError):
    """No answer in time, or the task has not ended by then."""

    code = "DEADLINE_EXCEEDED"


class UnauthenticatedError(TreadleError):
    """The server has a token, and the request lacks it."""

    code = "UNAUTHENTICATED"


class PermissionDeniedError(TreadleError, PermissionError):
    """The server refuses this host or origin."""

    code = "PERMISSION_DENIED"


class AbortedError(TreadleError):
    """A newer request of the same worker has taken the place of this one."""

    code = "ABORTED"


class LeaseLostError(TreadleError):
    """Another worker has the task, or it has ended: nothing that this attempt saves is kept."""

    code = "LEASE_LOST"


class InternalError(TreadleError):
    """The answer is not one of a Treadle server."""

    code = "INTERNAL"


class TaskError(TreadleError):
    """Base: a task ended without a result. `error_code` and `error_message` are those of the
    task."""

    code = "FAILED_PRECONDITION"
    state = ""

    def __init__(self, task_id: str, error_code: str, error_message: str) -> None:
        why = f": {error_code}" if error_code else ""
        if error_message:
            why += f", {error_message}"
        super().__init__(f"task {task_id} is {self.state}{why}")
        self.task_id = task_id
        self.error_code = error_code
        self.error_message = error_message


class TaskDeadError(TaskError):
    """The task is in the dead letters: no attempt is left, or its failure allows none."""

    state = "dead"


class TaskCancelledError(TaskError):
    """Someone cancelled the task, a handler discarded it, or its queue shed it."""

    state = "cancelled"


class TaskExpiredError(TaskError):
    """The task waited for too long and did not run."""

    state = "expired"


class EncodingError(InvalidArgumentError, TypeError):
    """A value cannot be written as JSON; `field` is its path, for example `payload.sizes[2]`."""


class DecodingError(InvalidArgumentError):
    """JSON does not fit the type that was asked for; `field` is the path."""


_BY_CODE: dict[str, type[TreadleError]] = {
    kind.code: kind
    for kind in (
        InvalidArgumentError,
        NotFoundError,
        AlreadyExistsError,
        FailedPreconditionError,
        ResourceExhaustedError,
        UnavailableError,
        DeadlineExceededError,
        UnauthenticatedError,
        PermissionDeniedError,
        AbortedError,
        LeaseLostError,
        InternalError,
    )
}

_CODE_OF_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "UNAVAILABLE",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "UNAVAILABLE",
}

# Sending the same again would get the same answer.
REFUSALS = frozenset(
    (
        "INVALID_ARGUMENT UNAUTHENTICATED PERMISSION_DENIED NOT_FOUND UNIMPLEMENTED "
        "FAILED_PRECONDITION OUT_OF_RANGE"
    ).split()
)
# The same may be taken later.
PASSING = frozenset("UNAVAILABLE RESOURCE_EXHAUSTED DEADLINE_EXCEEDED UNKNOWN INTERNAL".split())


def error_for(
    code: str, detail: str, *, retry_after: float | None = None, http_status: int | None = None
) -> TreadleError:
    """The exception for a canonical code."""
    kind = _BY_CODE.get(code, TreadleError)
    field = _field_of(detail) if code == "INVALID_ARGUMENT" else None
    return kind(detail, code=code, field=field, retry_after=retry_after, http_status=http_status)


def error_from_problem(http_status: int, problem: Any) -> TreadleError:
    """The exception for an answer of 400 and more. `problem` is its JSON, or None if it is none."""
    code = _CODE_OF_STATUS.get(http_status, "INTERNAL" if http_status >= 500 else "UNKNOWN")
    detail = (
        f"the server answered HTTP {http_status} without a reason; is it a Treadle server? "
        "Check the address and any proxy in between"
    )
    retry_after: float | None = None
    if isinstance(problem, dict):
        named = problem.get("code")
        if isinstance(named, str) and named and named != "OK":
            code = named
        text = problem.get("detail")
        if isinstance(text, str) and text:
            detail = text
        after = problem.get("retry_after_ms")
        if isinstance(after, int) and after >= 0:
            retry_after = after / 1000
    return error_for(code, detail, retry_after=retry_after, http_status=http_status)


def _field_of(detail: str) -> str | None:
    found = _FIELD.match(detail)
    if found is None:
        return None
    path = found.group(1)
    is_path = "." in path or "[" in path
    return path if is_path or path in _FIELDS else None
