"""A newcomer's first five minutes, and what every command promises."""

import json
import os
import re
import subprocess

import pytest

from treadle import BINARY, run, until

COMMANDS = ["start", "server", "task enqueue", "task get", "task result", "task payload", "task list", "enqueue",
            "queue list", "queue get", "worker exec", "worker demo", "demo", "info", "version"]


class Program:
    """A command that keeps running."""

    def __init__(self, *words, env=None, cwd=None):
        self.process = subprocess.Popen([BINARY, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        cwd=cwd, env={**os.environ, "NO_COLOR": "1", **(env or {})})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.communicate(timeout=30)
        finally:
            self.process.kill()


def test_five_minutes_as_a_newcomer(tmp_path):
    with Program("start", "--listen", "127.0.0.1:0", cwd=tmp_path) as server:
        text = ""
        while "Ctrl-C stops" not in text:
            line = server.process.stdout.readline()
            assert line, text
            text += line
        url = re.search(r"http://127\.0\.0\.1:\d+", text).group(0)
        assert str(tmp_path / "treadle-data") in text
        (curl,) = re.findall(r"^\s*(curl .*)$", text, re.M)
        env = {"TREADLE_SERVER": url}

        id = run("task", "enqueue", "hello", '{"name":"Ada"}', env=env).stdout.strip()
        assert re.fullmatch(r"1-\d+", id)
        assert json.loads(run("task", "get", id, "-o", "json", env=env).stdout)["state"] == "ready"
        not_yet = run("task", "result", id, env=env, expect=1)
        assert "it has no result yet" in not_yet.stderr

        with Program("worker", "exec", "hello", "--", "tr", "a-z", "A-Z", env=env):
            assert run("task", "result", id, "--wait=30s", env=env).stdout.strip() == '{"NAME":"ADA"}'
            assert run("enqueue", "hello", '"x y"', "--wait=30s", env=env).stdout.strip() == '"X Y"'
            answer = json.loads(subprocess.run(curl, shell=True, capture_output=True, text=True, timeout=30).stdout)
            assert run("task", "result", answer["id"], "--wait=30s", env=env).stdout.strip() == '{"NAME":"ADA"}'

        assert "completed" in run("task", "get", id, env=env).stdout
        assert "default" in run("queue", "list", env=env).stdout
        assert run("task", "payload", id, env=env).stdout.strip() == '{"name":"Ada"}'
        (queue,) = json.loads(run("queue", "list", "-o", "json", env=env).stdout)["queues"]
        assert queue["tasks"]["completed"] == 3
        assert "" == run("task", "list", "--state", "dead", "-o", "jsonl", env=env).stdout
        server.process.send_signal(2)
        assert server.process.wait(30) == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example_of_every_command(command):
    text = run(*command.split(), "--help").stdout
    example = "treadle " + {"enqueue": "task enqueue"}.get(command, command)
    assert any(line.strip().startswith(example) for line in text.splitlines()), text


def test_without_a_command_the_help_is_shown_as_a_mistake():
    result = run(expect=2)
    assert result.stdout == "" and "treadle start" in result.stderr


def test_help_and_version_go_to_standard_output():
    text = run("--help").stdout
    for word in ("start", "server", "task", "queue", "worker", "demo", "Exit status"):
        assert word in text
    assert re.match(r"treadle \d+\.\d+\.\d+", run("--version").stdout)


@pytest.mark.parametrize("words,status,says", [
    (["nonsense"], 2, "nonsense"),
    (["task", "lst"], 2, "list"),
    (["task", "list", "--stat", "dead"], 2, "--stat"),
    (["task", "list", "--state", "lost"], 2, "lost"),
    (["task", "get"], 2, "ID"),
    (["task", "get", "abc"], 4, "abc"),
    (["task", "get", "1-999999"], 5, "1-999999"),
    (["queue", "get", "none"], 5, "none"),
    (["task", "enqueue", "hello", "{name:1}"], 4, "not JSON"),
    (["task", "enqueue", "bad name", "1"], 4, "type"),
    (["task", "enqueue", "slow", "--wait=100ms"], 7, ""),
    (["worker", "exec", "hello"], 2, "PROGRAM"),
])
def test_each_mistake_gets_one_sentence_and_its_status(shared_server, words, status, says):
    result = shared_server.run(*words, expect=status)
    assert says in result.stderr
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) <= 4, result.stderr


def test_an_unreachable_server_has_its_own_exit_status():
    result = run("queue", "list", "--server", "http://127.0.0.1:1", expect=3)
    assert "cannot reach" in result.stderr and "127.0.0.1:1" in result.stderr


def test_a_dead_task_has_its_own_exit_status(shared_server):
    id = shared_server.enqueue("doomed")
    worker = shared_server.worker("doomed")
    worker.fail(worker.lease()[0], "exit_65", "no such customer", retry=False)
    result = shared_server.run("task", "result", id, expect=6)
    assert "no such customer" in result.stderr
    table = until(lambda: shared_server.run("task", "list", "--state", "dead").stdout, lambda t: id in t)
    assert "no such customer" in table and "\x1b" not in table


def test_lists_can_be_read_by_programs(shared_server):
    ids = [shared_server.enqueue("listed", payload=n) for n in range(5)]
    lines = until(lambda: shared_server.run("task", "list", "--type", "listed", "-o", "jsonl").stdout.splitlines(),
                  lambda lines: len(lines) == len(ids))
    assert [json.loads(line)["id"] for line in lines] == ids[::-1]
    page = json.loads(shared_server.run("task", "list", "--type", "listed", "-o", "json", "--limit", "2").stdout)
    assert [task["id"] for task in page["tasks"]] == ids[:2:-1] and page["next_cursor"]


def test_an_empty_payload_is_refused_wherever_it_comes_from(shared_server):
    for words in ["enqueue", "empty", ""], ["enqueue", "empty", "--payload-file", "-"], ["task", "edit", "1-1", ""]:
        done = shared_server.run(*words, stdin="", expect=4)
        assert "the payload is not JSON" in done.stderr and "--raw" in done.stderr, words
    assert shared_server.get("/v1/tasks?type=empty").json["tasks"] == []
    id = shared_server.run("enqueue", "empty", "", "--raw").stdout.strip()
    assert shared_server.task(id)["payload_bytes"] == 0


def test_enqueue_passes_every_flag_on(shared_server):
    id = shared_server.run("task", "enqueue", "flags", "--queue", "q.x", "--priority", "9", "--max-attempts", "3",
                           "--delay", "1h", "--key", "k1", "--payload-file", "-", "--raw", "--content-type",
                           "image/png", stdin="bytes").stdout.strip()
    task = shared_server.task(id)
    assert (task["queue"], task["priority"], task["max_attempts"], task["state"], task["content_type"],
            task["idempotency_key"], task["payload_bytes"]) == ("q.x", 9, 3, "scheduled", "image/png", "k1", 5)
    again = shared_server.run("task", "enqueue", "flags", "--queue", "q.x", "--key", "k1", "9", expect=None)
    assert again.returncode != 0 and "idempotency_key" in again.stderr
