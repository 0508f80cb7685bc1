"""The C++ SDK as others use it: installed to a place of its own, and the programs of examples/ built against that."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

import pages  # noqa: E402
from treadle import Server, until  # noqa: E402

BUILD = Path(os.environ.get("TREADLE_BUILD") or ROOT / "build/release")
BINARY = os.environ.get("TREADLE") or str(BUILD / "treadle")


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=500, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    place = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", BUILD, "--component", "dev", "--prefix", place)
    return place


@pytest.fixture(scope="module")
def examples(prefix, tmp_path_factory):
    """The built programs; the sources are copied away from the tree, so that nothing else is found."""
    base = tmp_path_factory.mktemp("examples")
    shutil.copytree(ROOT / "examples", base / "source")
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    run("cmake", "-S", base / "source", "-B", base / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}",
        "-DCMAKE_CXX_FLAGS=-O0 -Wall -Wextra -Werror", *launcher)
    run("cmake", "--build", base / "build", env=dict(os.environ, CCACHE_BASEDIR=str(base), CCACHE_NOHASHDIR="1"))
    return base / "build"


@pytest.fixture
def server(tmp_path):
    each = Server(tmp_path / "data", log=tmp_path / "server.log").start()
    yield each
    each.kill()


class Worker:
    """A program of the examples that runs until it is told to stop."""

    def __init__(self, server, log, *command):
        self.log = log
        with open(log, "ab") as out:
            self.process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=out,
                                            env=dict(os.environ, TREADLE_SERVER=server.url))

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(timeout=30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def treadle(server, *words):
    return run(BINARY, *words, "--server", server.url)


def test_public_headers_show_no_boost_and_no_sqlite(prefix):
    headers = list((prefix / "include/treadle").glob("*.h"))
    assert {each.name for each in headers} >= {"worker.h", "client.h", "testing.h"}
    for header in headers:
        includes = re.findall(r"#\s*include\s*[<\"]([^>\"]+)", header.read_text())
        strange = [each for each in includes
                   if "/" in each and not each.startswith("treadle/") and each != "nlohmann/json.hpp"]
        assert not strange, header
        assert not re.search(r"\b(boost|sqlite3?|simdjson)\b", header.read_text(), re.IGNORECASE), header


def test_hello_greets(examples, server, tmp_path):
    with Worker(server, tmp_path / "log", examples / "hello", "worker") as worker:
        greeting = run(examples / "hello", "Ada", env=dict(os.environ, TREADLE_SERVER=server.url))
        assert greeting == "Hello, Ada!\n"
        assert worker.stop() == 0
    assert re.search(r"^1-\d+ hello completed in [\d.]+ m?s$", (tmp_path / "log").read_text(), re.M)


def test_word_count_counts_real_files(examples, server, tmp_path):
    words = run("sh", "-c", "cat docs/*.md | tr A-Z a-z | LC_ALL=C grep -oE '[a-z]+' | wc -l", cwd=ROOT)
    docs = tmp_path / "docs"
    docs.mkdir()
    for page in (ROOT / "docs").glob("*.md"):
        shutil.copy(page, docs)
    with Worker(server, tmp_path / "log", examples / "word_count", "worker") as worker:
        counted = run(examples / "word_count", docs, env=dict(os.environ, TREADLE_SERVER=server.url))
        assert counted.startswith(f"{int(words)} words\n")
        assert len(counted.splitlines()) == 11
        assert worker.stop() == 0
    assert re.search(r"task 1-\d+ \(count\): took \d+", (tmp_path / "log").read_text()), "the middleware's line"


def test_handlers_are_tested_without_a_server(examples):
    assert "PASSED" in run(examples / "word_count_test")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(url, body=None):
    try:
        with urllib.request.urlopen(url, data=body, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except urllib.error.URLError:
        return None, ""


def test_web_offload_answers_at_once_and_keeps_its_word_after_a_kill(examples, server, tmp_path):
    port = free_port()
    order = json.dumps({"customer": "Ada", "cents": [100, 250]}).encode()
    with Worker(server, tmp_path / "log", examples / "web_offload", port) as web:
        status, body = until(lambda: ask(f"http://127.0.0.1:{port}/invoices", order), lambda answer: answer[0])
        assert status == 202
        web.stop(signal.SIGKILL)
    job = json.loads(body)["job"]
    with Worker(server, tmp_path / "log", examples / "web_offload", port) as web:
        url = f"http://127.0.0.1:{port}/invoices/{job}"
        # The killed one may hold the lease: it is given to the next when it ends.
        status, body = until(lambda: ask(url), lambda answer: answer[0] == 200, deadline_s=60)
        assert json.loads(body) == {"text": "Invoice for Ada", "total_cents": 350}
        assert ask(f"http://127.0.0.1:{port}/invoices", b"{}")[0] == 400
        assert ask(f"http://127.0.0.1:{port}/invoices/1-99999")[0] == 404
        assert web.stop() == 0


def test_a_long_task_starves_no_short_one_and_goes_on_where_it_was(examples, server, tmp_path):
    command = [examples / "long_task", "worker"]
    ids = [treadle(server, "task", "enqueue", "primes", '{"below":6000000}', "--queue", "slow").split()[-1]
           for _ in range(2)]
    with Worker(server, tmp_path / "log", *command) as worker:
        for each in ids:
            assert until(lambda: server.task(each).get("progress"))["fraction"] > 0
        assert treadle(server, "task", "enqueue", "ping", "--wait=20s").splitlines()[-1] == '"pong"'
        worker.process.send_signal(signal.SIGTERM)
        until(lambda: worker.process.poll() is not None or worker.process.send_signal(signal.SIGTERM))
        assert worker.process.returncode == 0
    unfinished = [each for each in ids if server.task(each)["state"] != "completed"]
    assert unfinished, "a second signal ends the grace"
    for each in unfinished:
        view = json.loads(treadle(server, "task", "get", each, "-o", "json"))
        assert (view["state"], view["attempt"]) == ("ready", 0), "returned unspent"
    with Worker(server, tmp_path / "log", *command) as worker:
        for each in ids:
            assert treadle(server, "task", "result", each, "--wait=60s").splitlines()[-1] == "412849"
        assert worker.stop() == 0
    for each in unfinished:
        logs = [server.get(f"/v1/tasks/{each}/log?attempt={n}").body.decode() for n in (1, 2)]
        assert logs[0] == "attempt begins at 2\n"
        assert int(re.fullmatch(r"attempt begins at (\d+)\n", logs[1]).group(1)) > 2
        history = json.loads(treadle(server, "task", "history", each, "-o", "json"))["attempts"]
        assert [attempt["outcome"] for attempt in history] == ["released", "completed"]


def test_the_commands_of_the_tutorial_work_as_they_are_written(examples, tmp_path):
    (tmp_path / "build").mkdir()
    (tmp_path / "build/examples").symlink_to(examples)
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs/tutorial.md", tmp_path / "docs")
    port = free_port()
    script = "treadle start &\n" + pages.commands("docs/tutorial.md")
    # A person waits until the web server listens, and until the invoice is there, and types the ID that came back.
    for typed, waited in (
        ("build/examples/web_offload 8080 &\n",
         "build/examples/web_offload 8080 &\nuntil curl -s localhost:8080/ > /dev/null; do kill -0 $!; done\n"),
        ("localhost:8080/invoices\n", "localhost:8080/invoices | tee reply\n"),
        ("curl localhost:8080/invoices/1-42\n",
         "job=$(sed 's/.*\"job\":\"//; s/\".*//' reply)\n"
         "until curl -sf localhost:8080/invoices/$job | grep -q total; do :; done\ncurl localhost:8080/invoices/$job\n"),
    ):
        assert typed in script
        script = script.replace(typed, waited)
    out = pages.type_in(script.replace("8080", str(port)), tmp_path)
    assert "Hello, Ada!\n" in out
    words = run("sh", "-c", "tr A-Z a-z < docs/tutorial.md | LC_ALL=C grep -oE '[a-z]+' | wc -l", cwd=ROOT)
    assert f"{int(words)} words\n" in out
    assert "PASSED" in out
    invoices = [json.loads(line) for line in re.findall(r'\{"text".*?\}', out)]
    assert {"text": "Invoice for Ada", "total_cents": 350} in invoices
    assert '"pong"' in out


def test_the_code_of_the_sdk_page_compiles(prefix, tmp_path):
    program, *fragments = pages.blocks("docs/sdk-cpp.md", "cpp")
    assert "int main()" in program and len(fragments) == 3
    functions = "".join(f"void Fragment{number}(treadle::Client& client, treadle::Worker& worker) {{\n(void)client, (void)worker;\n{{\n"
                        f"{code}}}\n}}\n" for number, code in enumerate(fragments))
    (tmp_path / "page.cc").write_text(f"{program}\nint Encode(const Greeting&);\n{functions}")
    run("g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-I{prefix}/include", tmp_path / "page.cc")
