"""The scenarios that every SDK plays (tests/sdk/scenarios.yaml)."""

import re
import sys

import pytest
from conftest import HERE, conformance

NAMES = [each["name"] for each in conformance.scenarios()]


@pytest.fixture(scope="module")
def errors():
    """What went wrong, by scenario. All are played, side by side, before one is judged."""
    found = {}
    conformance.play_all(
        [sys.executable, str(HERE / "driver.py")],
        tell=lambda name, error, _: found.update({name: error}),
    )
    return found


@pytest.mark.parametrize("name", NAMES, ids=[re.sub(r"\W+", "_", each) for each in NAMES])
def test_scenario(errors, name):
    if errors[name] is not None:
        raise errors[name]
