"""The scenarios that every SDK plays (tests/sdk/scenarios.yaml)."""

import re
import sys

import pytest
from conftest import HERE, conformance

SCENARIOS = conformance.scenarios()


@pytest.fixture(scope="module")
def own_server(tmp_path_factory):
    """Scenarios kill it."""
    base = tmp_path_factory.mktemp("conformance")
    each = conformance.e2e.Server(base / "data", log=base / "server.log").start()
    yield each
    each.kill()


@pytest.mark.parametrize("number", range(len(SCENARIOS)), ids=[re.sub(r"\W+", "_", each["name"]) for each in SCENARIOS])
def test_scenario(own_server, number):
    conformance.play(SCENARIOS[number], [sys.executable, str(HERE / "driver.py")], own_server, f"conformance-{number}")
