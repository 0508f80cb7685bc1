"""Tasks as the server shows them."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Any, Iterator

from .payload import read_blob

ENDED = frozenset(("completed", "dead", "cancelled", "expired"))


def parse_time(text: Any) -> datetime.datetime | None:
    """RFC 3339 as the server writes it; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None


@dataclass(frozen=True)
class Enqueued:
    """What became of an enqueue. The task is on the server's disk."""

    id: str
    duplicate: bool = False  # the key was taken by the same request: nothing was added
    state: str | None = None  # of a duplicate that is still kept
    replaced: str | None = None  # the task that gave way to this one


@dataclass(frozen=True)
class TaskInfo:
    """A task as it was when the server was asked. None: it does not apply."""

    id: str
    type: str
    queue: str
    state: str
    priority: int
    attempt: int  # spent so far
    max_attempts: int
    enqueued_at: datetime.datetime | None = None
    run_at: datetime.datetime | None = None
    next_attempt_at: datetime.datetime | None = None
    started_at: datetime.datetime | None = None
    finished_at: datetime.datetime | None = None
    expires_at: datetime.datetime | None = None
    deadline_at: datetime.datetime | None = None
    worker: str | None = None
    error_code: str = ""
    error_message: str = ""
    result: Any = None  # of JSON the value, else a Payload
    progress: float | None = None
    progress_message: str = ""
    tags: tuple[str, ...] = ()
    key: str | None = None
    traceparent: str | None = None  # of the producer; not in lists
    cancel_requested: bool = False
    worker_losses: int = 0
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def has_ended(self) -> bool:
        """Completed, dead, cancelled or expired: nothing more happens to it by itself."""
        return self.state in ENDED

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> TaskInfo:
        """Of the API's `Task`."""
        error = fields.get("error") or {}
        progress = fields.get("progress") or {}
        return cls(
            id=fields["id"],
            type=fields["type"],
            queue=fields["queue"],
            state=fields["state"],
            priority=fields.get("priority", 5),
            attempt=fields.get("attempt", 0),
            max_attempts=fields.get("max_attempts", 0),
            enqueued_at=parse_time(fields.get("enqueued_at")),
            run_at=parse_time(fields.get("run_at")),
            next_attempt_at=parse_time(fields.get("next_attempt_at")),
            started_at=parse_time(fields.get("started_at")),
            finished_at=parse_time(fields.get("finished_at")),
            expires_at=parse_time(fields.get("expires_at")),
            deadline_at=parse_time(fields.get("deadline_at")),
            worker=fields.get("worker"),
            error_code=error.get("code", ""),
            error_message=error.get("message", ""),
            result=read_blob(
                {**fields, "content_type": fields.get("result_content_type")}, "result"
            ),
            progress=progress.get("fraction"),
            progress_message=progress.get("message", ""),
            tags=tuple(fields.get("tags") or ()),
            key=fields.get("idempotency_key"),
            traceparent=fields.get("traceparent"),
            cancel_requested=bool(fields.get("cancel_requested")),
            worker_losses=fields.get("worker_losses", 0),
            raw=fields,
        )


@dataclass(frozen=True)
class TaskPage:
    """One page of a list, newest first. Pass `next_cursor` for the next one; None: the last."""

    tasks: list[TaskInfo]
    next_cursor: str | None
    as_of: datetime.datetime | None

    def __iter__(self) -> Iterator[TaskInfo]:
        return iter(self.tasks)

    def __len__(self) -> int:
        return len(self.tasks)
