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


@pytest.fixture(scope="module")
def drivers():
    """One for all scenarios; after a failure a new one."""
    started = []

    def driver():
        if not started:
            started.append(conformance.Driver([sys.executable, str(HERE / "driver.py")]))
        return started[0]

    driver.forget = lambda: started.pop().close()
    yield driver
    if started:
        driver.forget()


@pytest.mark.parametrize("number", range(len(SCENARIOS)), ids=[re.sub(r"\W+", "_", each["name"]) for each in SCENARIOS])
def test_scenario(own_server, drivers, number):
    try:
        conformance.play(SCENARIOS[number], drivers(), own_server, f"conformance-{number}")
    except BaseException:
        drivers.forget()
        raise
