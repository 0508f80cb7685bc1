"""Fixtures of the resource tests. The code that talks to servers is in tests/e2e."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from tidy import pytest_runtest_makereport, tmp_path  # noqa: E402, F401
from treadle import Server  # noqa: E402


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def start_server(tmp_path):
    """Starts servers: start_server(data_dir, *flags, limits=("--nofile=128",)), where limits are arguments of
    prlimit(1). With `command`, runs the server under that command. The servers end with the test."""
    servers = []

    def start(data_dir, *flags, limits=(), command=()):
        command = ("prlimit", *limits) if limits else command
        servers.append(Server(data_dir, *flags, log=tmp_path / f"server-{len(servers)}.log", command=command))
        return servers[-1].start()

    yield start
    for each in servers:
        each.kill()
