"""Fixtures of the tests of examples/."""

import shutil

import pytest
from programs import ROOT, build_typescript_sdk  # puts tests/e2e into the path

from tidy import pytest_runtest_makereport, tmp_path  # noqa: F401
from treadle import Server


@pytest.fixture
def own_server(tmp_path):
    each = Server(tmp_path / "data", log=tmp_path / "server.log").start()
    yield each
    each.kill()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One for all tests that do not mind the tasks of earlier ones."""
    base = tmp_path_factory.mktemp("server")
    each = Server(base / "data", log=base / "server.log").start()
    yield each
    each.kill()
    shutil.rmtree(base)


@pytest.fixture(scope="session")
def typescript_sdk(tmp_path_factory):
    return build_typescript_sdk(tmp_path_factory.mktemp("npm") / "treadle")
