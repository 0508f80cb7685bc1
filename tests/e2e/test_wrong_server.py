"""Every command against something that is not a Treadle server, and with output that cannot be written: soon an error
that says so, never a crash or a success."""

import http.server
import json
import os
import re
import resource
import signal
import subprocess
import threading

import pytest

from treadle import BINARY, run, some, until

TASK = {"id": "1-1", "type": "t", "queue": "q", "state": "dead", "attempt": 1, "max_attempts": 1,
        "error": {"code": "e", "message": "m", "fingerprint": "0" * 16}}
# Every command that asks a server, with arguments that get as far as its request.
ASKING = [
    ["task", "enqueue", "t", "1"], ["enqueue", "t"], ["enqueue", "t", "--wait=2s"], ["enqueue", "--from", "tasks.jsonl"],
    ["task", "get", "1-1"], ["task", "get", "1-1", "1-2"], ["task", "result", "1-1"], ["task", "result", "1-1", "--wait=2s"],
    ["task", "payload", "1-1"], ["task", "list"], ["task", "list", "--all"], ["task", "errors"], ["task", "explain", "1-1"],
    ["task", "history", "1-1"], ["task", "log", "1-1"], ["task", "run-now", "1-1"], ["task", "edit", "1-1", "--priority", "9"],
    ["task", "move", "1-1", "other"], ["task", "cancel", "1-1"], ["task", "release", "1-1"], ["task", "redrive", "1-1"], ["task", "delete", "1-1"],
    *[["bulk", verb, "--queue", "q", "--yes"] for verb in ("run-now", "cancel", "release", "redrive", "delete")],
    ["bulk", "move", "other", "--queue", "q", "--yes"], ["bulk", "redrive", "--queue", "q", "--count"],
    ["bulk", "list"], ["bulk", "stop", "1"],
    ["queue", "list"], ["queue", "get", "q"], ["queue", "pause", "q"], ["queue", "resume", "q"], ["queue", "set", "q", "lease=45s"],
    ["queue", "drain", "q"], ["queue", "delete", "q"], ["queue", "purge", "q", "--yes"],
    ["type", "list"], ["type", "get", "t"], ["type", "set", "t", "attempt_timeout=10s"], ["type", "delete", "t"],
    ["type", "contract", "set", "t", "1", "--input", "schema.json"], ["type", "contract", "remove", "t", "1"],
    ["apply", "-f", "policy.toml"], ["backup", "create"], ["backup", "list"], ["demo", "."], ["info"],
]
# Commands that ask no server, and workers and measurements, which have their own tests.
OTHERS = {"start", "server", "config show", "config init", "worker exec", "worker demo", "bench", "data check", "backup verify",
          "backup restore", "context list", "context add", "context use", "context remove", "completion bash", "completion zsh",
          "completion fish", "version"}
WRONG = {"object": "{}", "list": "[]", "null": "null", "html": "<html><body>It works!</body></html>", "nothing": "",
         "half": '{"id":"1-', "types": json.dumps(
             {name: 7 for name in ("id", "type", "queue", "tasks", "types", "bulk", "backups", "queues", "attempts", "summary",
                                   "state", "name", "policy")}),
         "items": json.dumps({name: [7] for name in ("tasks", "types", "bulk", "backups", "queues", "attempts", "directory")}),
         "empty-items": json.dumps({name: [{}] for name in ("tasks", "types", "bulk", "backups", "queues", "attempts")}
                                   | {"directory": "/", "id": "1-1", "as_of": "x"})}


class Fake:
    """Answers every request with what `answer(method, path, body)` returns: status, content type, body."""

    def __init__(self, answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, kind, text = answer(self.command, self.path, body)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = any

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def files(tmp_path):
    (tmp_path / "tasks.jsonl").write_text('{"type":"t"}\n')
    (tmp_path / "schema.json").write_text("{}")
    (tmp_path / "policy.toml").write_text('[queues.q]\nlease = "45s"\n')
    return tmp_path


def test_every_command_is_tried():
    commands = set(re.findall(r"^## treadle (.*)$", run("docs", "cli").stdout, re.M))
    groups = {name for name in commands if any(other.startswith(name + " ") for other in commands)}
    tried = {name for name in commands for words in ASKING if " ".join(words).startswith(name + " ") or words == name.split()}
    assert commands - groups - tried - OTHERS == set()


@pytest.mark.parametrize("kind", WRONG)
def test_no_command_accepts_the_answer_of_another_server(files, kind):
    def answer(*_):
        return 200, "text/html" if kind == "html" else "application/json", WRONG[kind]

    with Fake(answer) as fake:
        for words in some(ASKING, len(ASKING) // len(WRONG)):
            result = run(*words, "--server", fake.url, expect=None, cwd=files, timeout=20)
            said = (words, result)
            assert result.returncode in (1, 7), said
            assert "unexpected response from " + fake.url in result.stderr, said
            assert "is it a Treadle server?" in result.stderr, said
            assert len(result.stderr.splitlines()) <= 3, said
            assert "is set" not in result.stdout and "cancelled" not in result.stdout, said


@pytest.mark.parametrize("verb", ["run-now", "cancel", "release", "redrive", "delete", "edit"])
@pytest.mark.parametrize("id, changed", [("9-9", True), ("9-9", False)])
def test_a_command_does_not_accept_what_became_of_another_task(verb, id, changed):
    standing = json.dumps({"id": id, "state": "ready", "changed": changed, "cancel_requested": False})
    with Fake(lambda *_: (200, "application/json", standing)) as fake:
        words = ["--priority", "9"] if verb == "edit" else []
        result = run("task", verb, "1-1", *words, "--server", fake.url, expect=1, timeout=20)
        assert "does not say what became of task 1-1" in result.stderr and not result.stdout


@pytest.mark.parametrize("words", [["task", "list", "--all"], ["task", "list", "--all", "-o", "json"], ["task", "errors"]])
def test_a_repeated_cursor_ends_a_list(words):
    page = json.dumps({"tasks": [TASK], "as_of": "2026-11-24T03:00:00.000Z", "next_cursor": "again"})
    with Fake(lambda *_: (200, "application/json", page)) as fake:
        result = run(*words, "--server", fake.url, expect=1, timeout=20)
        assert "next_cursor" in result.stderr, result


@pytest.mark.parametrize("status,exits", [(301, 1), (404, 5), (500, 1), (502, 8)])
def test_a_proxys_page_is_not_an_answer_of_the_server(status, exits):
    with Fake(lambda *_: (status, "text/html", "<html>")) as fake:
        result = run("task", "get", "1-1", "--server", fake.url, expect=exits)
        assert "is it a Treadle server?" in result.stderr


PRINTING = [["task", "get", "{id}"], ["task", "get", "{id}", "-o", "json"], ["task", "payload", "{id}"], ["task", "list"],
            ["task", "list", "-o", "json"], ["task", "list", "-o", "jsonl"], ["task", "explain", "{id}"], ["task", "history", "{id}", "-o", "json"],
            ["task", "run-now", "{id}"], ["task", "edit", "{id}", "--priority", "3"], ["task", "move", "{id}", "q"],
            ["enqueue", "t"], ["task", "errors", "-o", "json"], ["bulk", "redrive", "--queue", "none", "--yes"], ["bulk", "list"],
            ["queue", "list"], ["queue", "get", "default"], ["queue", "set", "p", "lease=45s"], ["queue", "pause", "q"],
            ["queue", "resume", "q"], ["queue", "drain", "q", "--off"], ["type", "list"], ["type", "get", "t"],
            ["type", "set", "t", "attempt_timeout=10s"], ["info"], ["version"], ["--version"], ["--help"], ["task", "get", "--help"],
            ["config", "show"], ["config", "init"], ["completion", "bash"], ["docs", "cli"], ["context", "list", "-o", "json"],
            ["backup", "list"], ["apply", "-f", "policy.toml", "--dry-run"], ["enqueue", "--from", "tasks.jsonl"]]
ENDING = [["task", "cancel", "{id}"], ["task", "redrive", "{id}"], ["task", "delete", "{id}"]]  # each needs the one before


def lost(words, server, files, id, **output):
    done = subprocess.run([BINARY, *(word.format(id=id) for word in words)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, timeout=60, cwd=files, check=False,
                          env={**os.environ, "TREADLE_SERVER": server.url, "XDG_CONFIG_HOME": str(files)}, **output)
    assert done.returncode == 1, (words, done)
    assert "treadle: cannot write to standard output" in done.stderr, (words, done)
    return done.stderr


def test_output_that_cannot_be_written_is_a_failure_of_every_command(shared_server, files):
    id = shared_server.enqueue("t")
    shared_server.run("queue", "set", "q", "lease=30s")
    until(lambda: shared_server.run("task", "list").stdout)
    for words in some(PRINTING, 8) + ENDING:
        with open("/dev/full", "wb") as full:
            assert "No space left" in lost(words, shared_server, files, id, stdout=full)
    closed = shared_server.enqueue("t")
    for words in some(PRINTING, 8) + ENDING:
        reader, writer = os.pipe()
        os.close(reader)
        assert "Broken pipe" in lost(words, shared_server, files, closed, stdout=writer)
        os.close(writer)


def test_output_to_a_closed_stream_goes_nowhere_else(shared_server, files):
    """A closed stream's number is free, so the socket to the server would get it."""
    id = shared_server.enqueue("t")
    said = lost(["task", "list", "--all"], shared_server, files, id, preexec_fn=lambda: os.close(1))
    assert "Bad file descriptor" in said


def test_a_full_disk_is_a_failure(shared_server, files):
    def small():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))

    with open(files / "out", "wb") as out:
        said = lost(["docs", "cli"], shared_server, files, "1-1", stdout=out, preexec_fn=small)
    assert "File too large" in said
