"""Servers with https: a proxy with TLS in front of the real one."""

import asyncio
import socket
import threading
import time

import pytest
from conftest import Proxy, make_certificate, raises_field, until

import treadle
from treadle import Client, InternalError, UnavailableError


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Of 127.0.0.1 and localhost; and its key."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def secured(server, certificate):
    with Proxy(server.port, *certificate) as proxy:
        yield proxy


@pytest.fixture
def trusted(monkeypatch, certificate):
    monkeypatch.setenv("TREADLE_CA_FILE", str(certificate[0]))


def test_tasks_are_enqueued_and_run_through_tls(secured, certificate, make_app, work):
    app = make_app(secured.url, ca_file=str(certificate[0]))

    @app.task
    def twice(n: int) -> int:
        return 2 * n

    @app.task
    async def thrice(n: int) -> int:
        return 3 * n

    work(app)
    handles = twice.enqueue_many(range(50))
    assert [each.result(20) for each in handles] == [2 * n for n in range(50)]

    async def ask():
        handle = await thrice.aenqueue(5)
        return await handle.aresult(20)

    assert asyncio.run(ask()) == 15
    assert len(secured.requests) > 2


def test_the_ca_file_is_that_of_the_environment_or_of_the_option(
    secured, certificate, monkeypatch, tmp_path
):
    other, _ = make_certificate(tmp_path)
    monkeypatch.setenv("TREADLE_CA_FILE", str(certificate[0]))
    assert Client(secured.url).enqueue("t", queue="tls").id
    with pytest.raises(InternalError, match="cannot be trusted"):
        Client(secured.url, ca_file=str(other)).enqueue("t", queue="tls")
    monkeypatch.setenv("TREADLE_CA_FILE", str(other))
    assert Client(secured.url, ca_file=str(certificate[0])).enqueue("t", queue="tls").id


def test_a_certificate_that_nobody_trusts_is_an_error_at_once_that_names_the_option(secured):
    begun = time.monotonic()
    with pytest.raises(InternalError, match="cannot be trusted: self.signed certificate.*ca_file"):
        Client(secured.url).enqueue("t")
    assert time.monotonic() < begun + 10, "it was tried again, though that ends the same"
    assert secured.requests == []


def test_a_certificate_of_another_host_is_refused(server, tmp_path):
    certificate = make_certificate(tmp_path, names="DNS:queue.example")
    with Proxy(server.port, *certificate) as proxy:
        for url in (proxy.url, proxy.url.replace("127.0.0.1", "localhost")):
            with pytest.raises(InternalError, match="cannot be trusted.*a name that the certif"):
                Client(url, ca_file=str(certificate[0])).enqueue("t")
        assert proxy.requests == []


def test_a_host_is_also_trusted_by_its_name(secured, trusted):
    assert Client(secured.url.replace("127.0.0.1", "localhost")).enqueue("t", queue="tls").id


def test_a_server_without_tls_is_named_as_one(server):
    begun = time.monotonic()
    with pytest.raises(InternalError, match="does not speak TLS. Treadle itself.*http://"):
        Client(server.url.replace("http:", "https:")).enqueue("t")
    assert time.monotonic() < begun + 10


@pytest.mark.parametrize("text,why", [(None, "No such file"), ("no PEM\n", "no certificate")])
def test_a_ca_file_that_cannot_be_read_is_refused_at_once(tmp_path, text, why):
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    with raises_field(treadle.InvalidArgumentError, "ca_file") as caught:
        Client("https://a", ca_file=str(path))
    assert why in str(caught.value)
    Client("http://a", ca_file=str(path))  # nobody needs it


def test_a_kept_connection_is_used_again_also_for_calls_that_must_not_be_repeated(
    secured, trusted, monkeypatch
):
    made = []
    connect = socket.create_connection

    def counting(*words, **more):
        made.append(words[0])
        return connect(*words, **more)

    monkeypatch.setattr(socket, "create_connection", counting)
    client = Client(secured.url, keys=False)
    for _ in range(5):
        client.enqueue("t", queue="tls")
    # Each connection of the client makes the proxy connect to the server as well.
    assert len(made) == 2, "session tickets are no news"


def test_a_connection_that_is_cut_is_made_again(secured, trusted):
    client = Client(secured.url, timeout=20)
    for _ in range(5):
        assert client.enqueue("t", queue="tls").id
        secured.cut()
    strict = Client(secured.url, keys=False, timeout=20)
    for _ in range(3):
        assert strict.enqueue("t", queue="tls").id
        cut = len(secured.requests)
        secured.cut()
        until(lambda: not secured.open)
        assert len(secured.requests) == cut


def test_children_speak_tls_as_their_parent_does(secured, certificate, program):
    words = ["-m", "treadle", "worker", "workers_app:app", "--quiet", "--processes", "1"]
    worker = program(
        secured.url, *words, "--ca-file", str(certificate[0]), env={"TEST_QUEUE": "tls.children"}
    )
    with Client(secured.url, ca_file=str(certificate[0])) as client:
        pid = client.enqueue("saves_a_step", queue="tls.children").result(30)
        assert pid != worker.process.pid
    worker.signal()
    assert (worker.wait(), worker.text) == (0, "")
    assert any(b"POST /v1/attempts/" in each for each in secured.requests), "the child saved it"


def test_a_worker_waits_for_a_certificate_that_it_can_trust(server, certificate, make_app, work):
    with Proxy(server.port, *certificate) as proxy:
        app = make_app(proxy.url)  # it trusts the system's store only

        @app.task
        def never() -> None:
            pass

        worker = work(app)
        until(lambda: "cannot be trusted" in worker.text)
        worker.stop()
        assert "trying again until it answers" in worker.text


def test_a_worker_ends_while_a_server_never_answers_its_handshake(make_app, work, trusted):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        app = make_app(f"https://127.0.0.1:{silent.getsockname()[1]}")

        @app.task
        def never() -> None:
            pass

        worker = work(app)
        accepted = silent.accept()[0]
        begun = time.monotonic()
        worker.stop(times=4)
        assert time.monotonic() < begun + 4, "the handshake may take 5 s"
        accepted.close()
    assert worker.error is None


def test_a_server_that_closes_during_the_handshake_is_asked_again(trusted):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = []

        def close_all():
            try:
                while True:
                    listener.accept()[0].close()
                    closed.append(1)
            except OSError:
                pass

        threading.Thread(target=close_all, daemon=True).start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(UnavailableError, match="cannot speak TLS with"):
            Client(url, timeout=0.5).enqueue("t")
        assert len(closed) > 1
        socket.socket.shutdown(listener, socket.SHUT_RDWR)
