"""Attempt: one lease that a worker holds, and what became of it so far."""

from __future__ import annotations

from typing import Callable, List, Optional

from ..cancel import CancelToken
from ..wire import Lease

FUNCTION = 0
COROUTINE = 1
NEVER = float("inf")

Recall = Callable[[], "List[Attempt]"]
"""Takes back from a runner all that was handed to it and has not begun: those, in their order."""


class Attempt:
    """One lease that waits or runs."""

    __slots__ = ("lease", "kind", "put_at", "cancelled", "timeout", "deadline", "limit", "begun",
                 "timed_out", "give_up_at", "dropped", "kill", "recall")  # fmt: skip

    def __init__(self, lease: Lease, kind: int, now: float) -> None:
        self.lease = lease
        self.kind = kind
        self.put_at = now
        self.cancelled = CancelToken()
        self.timeout = NEVER  # of its type, in seconds from its beginning
        # By time.monotonic(); infinite: nothing limits it.
        self.deadline = self.lease_deadline()
        self.limit = 0.0
        self.begun = 0.0
        self.timed_out = False
        self.give_up_at = NEVER
        self.dropped = False  # nothing is to be reported any more
        self.kill: Optional[Callable[[], None]] = None  # ends it by force, if that is possible
        self.recall: Optional[Recall] = None  # of the runner that it is handed to

    @property
    def deadline_or_none(self) -> float | None:
        return None if self.deadline == NEVER else self.deadline

    def lease_deadline(self) -> float:
        """As the server has it; the timeout of the type counts from the attempt's beginning."""
        timeout_ms = self.lease.timeout_ms
        return NEVER if not timeout_ms else self.put_at + timeout_ms / 1000
