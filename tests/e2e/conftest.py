"""Fixtures of the end-to-end tests. `server` is a running server with its own data directory."""

import pytest

from tidy import pytest_runtest_makereport, tmp_path  # noqa: F401
from treadle import Server


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def start_server(tmp_path):
    """Starts servers: start_server(data_dir, *flags). They all end with the test."""
    servers = []

    def start(data_dir, *flags, **options):
        servers.append(Server(data_dir, *flags, log=tmp_path / f"server-{len(servers)}.log", **options))
        return servers[-1].start()

    yield start
    for each in servers:
        each.kill()


@pytest.fixture
def server(start_server, data_dir):
    return start_server(data_dir)


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory):
    """One server for all tests of a file that tolerate each other's tasks."""
    base = tmp_path_factory.mktemp("shared")
    each = Server(base / "data", log=base / "server.log").start()
    yield each
    each.kill()
