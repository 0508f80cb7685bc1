"""Reports: what is to be told to the server about a lease."""

from __future__ import annotations

from typing import Callable, NamedTuple, Optional


class Ending(NamedTuple):
    """For people: how an attempt ended. Becomes a line once the server has taken the report."""

    id: str
    type: str
    outcome: str  # completed, failed, released, snoozed, discarded
    seconds: float
    attempt: int
    max_attempts: int
    code: str = ""
    message: str = ""
    delay: float = 0.0  # of a snooze


class Report:
    """`ending` makes what a line says, once it is needed. `is_fallback`: it stands for one that the
    server could not accept. `goes_alone`: in an exchange without others, which it may have spoiled
    before."""

    __slots__ = ("token", "json", "ending", "is_fallback", "goes_alone")

    def __init__(
        self,
        token: str,
        json: str,
        ending: Optional[Callable[[], Ending]] = None,
        is_fallback: bool = False,
    ) -> None:
        self.token = token
        self.json = json
        self.ending = ending
        self.is_fallback = is_fallback
        self.goes_alone = False
