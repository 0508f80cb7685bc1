"""Commands and workers at https:// addresses: a proxy with TLS in front of the real server."""

import importlib.util
import json

import pytest
from test_cli import Program
from test_worker_stream import PROGRAM

from treadle import ROOT, run, until


def _network():
    spec = importlib.util.spec_from_file_location("network", ROOT / "tests/sdk/proxy.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


network = _network()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Of 127.0.0.1 and localhost; and its key."""
    return network.make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def proxy(shared_server, certificate):
    with network.Proxy(shared_server.port, *certificate) as each:
        yield each


@pytest.fixture
def secured(proxy, certificate):
    """The environment of commands that trust the proxy."""
    return {"TREADLE_SERVER": proxy.url, "TREADLE_CA_FILE": str(certificate[0])}


def ended(server, id):
    return until(lambda: server.task(id, wait="5s"), lambda task: task["state"] in ("completed", "dead", "cancelled"))


def test_the_ca_file_comes_from_a_flag_the_environment_or_a_context(proxy, certificate, secured, tmp_path):
    home = {"XDG_CONFIG_HOME": str(tmp_path)}
    ca_file = certificate[0].relative_to(certificate[0].parent)
    shown = run("info", "--server", proxy.url, "--ca-file", str(certificate[0])).stdout
    assert shown.split()[1] == proxy.url
    assert run("info", env=secured).stdout.split()[1] == proxy.url
    run("context", "add", "own", "--server", proxy.url, "--ca-file", str(ca_file), cwd=certificate[0].parent, env=home)
    assert run("info", env=home).stdout.split()[1] == proxy.url
    assert str(certificate[0]) in run("context", "list", env=home).stdout
    assert json.loads(run("context", "list", "-o", "jsonl", env=home).stdout)["ca_file"] == str(certificate[0])
    refused = run("info", "--server", proxy.url, env=home, expect=1).stderr
    assert "cannot be trusted: self-signed certificate; name a file" in refused, "a named server gets nothing of a context"


def test_what_is_wrong_is_said_with_its_remedy_and_without_the_token(shared_server, proxy, certificate, tmp_path):
    token, other = tmp_path / "token", network.make_certificate(tmp_path, names="DNS:queue.example")
    token.write_text("hunter2-hunter2-hunter2")
    words = ["queue", "list", "--token-file", str(token)]

    def refused(url, *more, expect=1):
        said = run(*words, "--server", url, *more, expect=expect).stderr
        assert "hunter2" not in said
        return said

    asked = len(proxy.requests)
    assert "in TREADLE_CA_FILE, ca_file or --ca-file" in refused(proxy.url)
    assert f"is not in {other[0]}" in refused(proxy.url, "--ca-file", str(other[0]))
    assert len(proxy.requests) == asked, "the token went to a stranger"
    assert "does not speak TLS" in refused(shared_server.url.replace("http:", "https:"))
    assert "if it speaks TLS, write https://" in refused(proxy.url.replace("https:", "http:"), expect=8)
    assert "the CA file /nowhere" in refused(proxy.url, "--ca-file", "/nowhere", expect=4)
    with network.Proxy(shared_server.port, *other) as stranger:
        assert "it names queue.example, not 127.0.0.1" in refused(stranger.url, "--ca-file", str(other[0]))
        assert stranger.requests == []


def test_tasks_are_enqueued_and_run_through_tls(shared_server, proxy, secured):
    echo = [json.loads(run("enqueue", "tls.echo", str(i), "-o", "json", env=secured).stdout)["id"] for i in range(3)]
    with Program("worker", "exec", "tls.echo", "--", "cat", env=secured):
        assert [ended(shared_server, id)["state"] for id in echo] == ["completed"] * 3
    stream = shared_server.enqueue("tls.stream", payload=[["show", "pid"]])
    with Program("worker", "exec", "tls.stream", "--stream", "--", *PROGRAM, env=secured):
        assert ended(shared_server, stream)["state"] == "completed"
    assert any(b"POST /v1/exchange" in each for each in proxy.requests)
    assert json.loads(run("bench", "drain", "--tasks", "200", "--json", env=secured).stdout)["tasks"] == 200


def test_the_demo_runs_at_a_server_behind_tls(secured, tmp_path):
    for i in range(5):
        (tmp_path / str(i)).write_text(f"file {i}")
    with Program("worker", "demo", env=secured):
        assert "5 files" in run("demo", str(tmp_path), env=secured).stdout


def test_a_worker_asks_again_until_it_can_trust_its_server(shared_server, proxy, secured):
    with Program("worker", "exec", "tls.never", "--", "cat", env={"TREADLE_SERVER": proxy.url}) as worker:
        said = ""
        while "cannot be trusted" not in said:
            line = worker.process.stdout.readline()
            assert line, said
            said += line
        worker.process.terminate()
        assert worker.process.wait(30) == 0


def test_a_connection_that_is_cut_is_made_again(shared_server, proxy, secured):
    with Program("worker", "exec", "tls.cut", "--", "cat", env=secured):
        for _ in range(3):
            assert ended(shared_server, shared_server.enqueue("tls.cut"))["state"] == "completed"
            proxy.cut()
