"""Fixtures: the real server, applications with queues of their own, workers here or apart."""

import contextlib
import importlib.util
import itertools
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SDK = HERE.parent
ROOT = SDK.parents[1]
sys.path.insert(0, str(SDK))

import treadle  # noqa: E402
from treadle.app import Pool, WorkerSettings  # noqa: E402
from treadle.worker.worker import Worker  # noqa: E402


def load(name, path):
    """A module under a name of its own: the end-to-end tests also have one called treadle."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


e2e = load("e2e_treadle", ROOT / "tests/e2e/treadle.py")
conformance = load("conformance", ROOT / "tests/sdk/conformance.py")
Proxy = conformance.Proxy
make_certificate = conformance.network.make_certificate
_numbers = itertools.count(1)


@pytest.fixture
def start_server(tmp_path):
    """Starts servers; all of them are ended with the test."""
    servers = []

    def start(*flags):
        number = len(servers)
        servers.append(
            e2e.Server(tmp_path / f"data-{number}", *flags, log=tmp_path / f"server-{number}.log")
        )
        return servers[-1].start()

    yield start
    for each in servers:
        each.kill()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One server for all tests; each has a queue of its own."""
    base = tmp_path_factory.mktemp("server")
    each = e2e.Server(base / "data", log=base / "server.log").start()
    yield each
    each.kill()


class App(treadle.Treadle):
    """An application whose tasks go to one queue of the test's own."""

    def __init__(self, url, queue, **options):
        super().__init__(url, queues=[queue], **options)
        self.queue = queue

    def task(self, function=None, /, **options):
        options.setdefault("queue", self.queue)
        decorate = super().task(**options)
        return decorate if function is None else decorate(function)


@pytest.fixture
def make_app(server):
    """make_app(url=..., concurrency=...): an application with a queue of its own."""
    apps = []

    def make(url=None, **options):
        apps.append(App(url or server.url, f"q{next(_numbers)}", **options))
        return apps[-1]

    yield make
    for each in apps:
        each.client.close()


@pytest.fixture
def app(make_app):
    return make_app()


class Running:
    """A worker in a thread of this process."""

    def __init__(self, app, **settings):
        self.lines, self.error = [], None
        settings.setdefault("json_lines", False)
        self.worker = Worker(app, WorkerSettings(lines=self.lines.append, **settings))
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        try:
            self.worker.run()
        except treadle.TreadleError as error:
            self.error = error

    @property
    def text(self):
        return "".join(self.lines)

    def stop(self, times=1, timeout=30):
        for _ in range(times):
            self.worker.stop()
        self.thread.join(timeout)
        assert not self.thread.is_alive(), "the worker did not end"


@pytest.fixture
def work():
    """work(app, **settings) starts a worker; it is stopped with the test."""
    running = []

    def start(app, **settings):
        running.append(Running(app, **settings))
        return running[-1]

    yield start
    for each in running:
        if each.thread.is_alive():
            each.stop(times=3)


class Program:
    """A worker in a process of its own."""

    def __init__(self, server_url, log, *words, env=None):
        self.log = Path(log)
        path = os.pathsep.join([str(SDK), str(HERE)])
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, *words],
                stdout=out,
                stderr=out,
                cwd=HERE,
                env={
                    **os.environ,
                    "TREADLE_SERVER": server_url,
                    "PYTHONPATH": path,
                    "PYTHONDONTWRITEBYTECODE": "1",
                    **(env or {}),
                },
            )

    @property
    def text(self):
        return self.log.read_text(errors="replace")

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self, timeout=30):
        return self.process.wait(timeout)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def program(tmp_path):
    """program(server_url, *words) starts `python words...`; it is killed with the test."""
    started = []

    def start(server_url, *words, env=None):
        started.append(
            Program(server_url, tmp_path / f"program-{len(started)}.log", *words, env=env)
        )
        return started[-1]

    yield start
    for each in started:
        each.kill()


@contextlib.contextmanager
def raises_field(error, field):
    """The error names the field that is at fault."""
    with pytest.raises(error) as caught:
        yield caught
    assert caught.value.field == field, caught.value


until = e2e.until
__all__ = ["Pool", "make_certificate", "raises_field", "until"]
