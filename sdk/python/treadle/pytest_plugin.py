"""The pytest fixture `treadle_in_memory`: applications whose tasks stay in memory for one test.

def test_resize(treadle_in_memory):
    memory = treadle_in_memory(app)
    handle = resize.enqueue("a.png", width=300)
    memory.run()
    assert handle.result() == "a.png@300"
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Callable, Iterator

import pytest

from .app import Treadle
from .testing import InMemory


@pytest.fixture
def treadle_in_memory() -> Iterator[Callable[..., InMemory]]:
    """`treadle_in_memory(app, inline=False, now=None)` enters an InMemory until the test ends."""
    with ExitStack() as stack:

        def enter(app: Treadle, **options: Any) -> InMemory:
            return stack.enter_context(InMemory(app, **options))

        yield enter
