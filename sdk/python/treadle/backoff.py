"""How long to wait before asking a lost server again."""

from __future__ import annotations

import random


class Backoff:
    """100 ms, doubling up to 5 s, less a random half, so that not all return at once. One
    thread."""

    def __init__(self) -> None:
        self._ceiling = 0.1

    def next(self) -> float:
        """Seconds."""
        full = self._ceiling
        self._ceiling = min(2 * full, 5.0)
        return full - random.random() * full / 2

    def reset(self) -> None:
        self._ceiling = 0.1
