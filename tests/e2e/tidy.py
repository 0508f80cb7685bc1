"""A passing test removes what it wrote, because a data directory takes 150 MB. A failing test keeps it for
inspection.

A conftest imports both names."""

import shutil

import pytest


@pytest.fixture
def tmp_path(request, tmp_path):
    yield tmp_path
    if not getattr(request.node, "has_failed", False):
        shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    if outcome.get_result().failed:
        item.has_failed = True
