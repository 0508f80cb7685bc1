"""AttemptSender: brings to the server what running attempts save."""

from __future__ import annotations

from ..caller import Caller
from ..exact_json import decode


class AttemptSender:
    """Any thread."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def save(self, token: str, update: str, limit: float) -> int:
        """Asks again while no server can be reached, up to `limit` seconds; repeating is harmless.
        Returns how many bytes of the attempt's log are kept."""
        answer = self._caller.call(
            "POST",
            f"/v1/attempts/{token}",
            update.encode(),
            timeout=limit,
            also_repeat=lambda error: bool(error.retry_after),
        )
        return int(decode(answer.body).get("log_bytes", 0))
