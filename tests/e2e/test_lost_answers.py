"""A network that loses answers: a command is executed once, or reports that the outcome is unknown."""

import json
import socket
import threading

import pytest

from treadle import run, until


class Dropper:
    """Forwards connections to a server, but closes them instead of returning the first `lose` answers to `method`
    requests for paths that begin with `path`."""

    def __init__(self, port, method="POST", path="/v1/tasks", lose=1):
        self.target, self.method, self.path, self.lose = port, method, path, lose
        self.lock, self.lost = threading.Lock(), 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    @staticmethod
    def message(stream):
        """Reads one HTTP message with a Content-Length."""
        head, length = b"", 0
        while not head.endswith(b"\r\n\r\n"):
            line = stream.readline()
            if not line:
                return b""
            head += line
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return head + stream.read(length)

    def serve(self, client):
        with client, socket.create_connection(("127.0.0.1", self.target)) as server:
            asked, answers = client.makefile("rb"), server.makefile("rb")
            while request := self.message(asked):
                server.sendall(request)
                answer = self.message(answers)
                with self.lock:
                    drops = self.lost < self.lose and request.startswith(f"{self.method} {self.path}".encode())
                    self.lost += drops
                if drops:
                    return
                client.sendall(answer)


def count(server, type):
    def listed():
        return json.loads(server.run("task", "list", "--type", type, "-o", "json").stdout)["tasks"]

    return len(until(listed))


@pytest.mark.parametrize("lose", [1, 2])
def test_an_enqueue_whose_answer_is_lost_makes_one_task(shared_server, lose):
    type = f"once{lose}"
    with Dropper(shared_server.port, lose=lose) as proxy:
        result = run("enqueue", type, "--server", proxy.url)
        assert proxy.lost == lose
    assert shared_server.task(result.stdout.strip())["type"] == type
    assert "used before" not in result.stderr
    assert count(shared_server, type) == 1


def test_an_enqueue_whose_answers_are_all_lost_reports_an_unknown_outcome(shared_server):
    with Dropper(shared_server.port, lose=99) as proxy:
        result = run("enqueue", "unknown", "--server", proxy.url, expect=1)
    assert "may or may not have carried out" in result.stderr
    assert count(shared_server, "unknown") == 1


def test_the_key_of_a_call_is_forgotten_soon(shared_server):
    id = shared_server.run("enqueue", "short").stdout.strip()
    key = shared_server.task(id)["idempotency_key"]
    assert key.startswith("treadle-cli-")


@pytest.mark.parametrize("verb,state", [("redrive", "ready"), ("cancel", "cancelled"), ("run-now", "ready"), ("delete", None)])
def test_a_change_whose_answer_is_lost_is_made_once_and_succeeds(shared_server, verb, state):
    id = shared_server.enqueue("changed", delay_ms=3_600_000)
    if verb == "redrive":
        shared_server.run("task", "cancel", id)
    with Dropper(shared_server.port, "DELETE" if verb == "delete" else "POST") as proxy:
        run("task", verb, id, "--server", proxy.url)
        assert proxy.lost == 1
    if state:
        assert shared_server.task(id)["state"] == state
    else:
        assert shared_server.get(f"/v1/tasks/{id}").status == 404


@pytest.mark.parametrize("words, path", [(["type", "delete", "never"], "/v1/types"), (["task", "delete", "1-999999"], "/v1/tasks")])
def test_what_may_never_have_existed_is_not_called_deleted(shared_server, words, path):
    with Dropper(shared_server.port, "DELETE", path) as proxy:
        result = run(*words, "--server", proxy.url)
        assert proxy.lost == 1
    assert "is gone; the reply to the first request was lost" in result.stdout + result.stderr


@pytest.mark.parametrize("words,path,look", [
    (["bulk", "redrive", "--queue", "none", "--yes"], "/v1/bulk", "/v1/bulk"), (["backup", "create"], "/v1/backups", "/v1/backups")])
def test_calls_that_must_not_repeat_are_sent_once(shared_server, words, path, look):
    def known():
        return len(next(value for value in shared_server.get(look).json.values() if isinstance(value, list)))

    before = known()
    with Dropper(shared_server.port, path=path) as proxy:
        result = run(*words, "--server", proxy.url, expect=1)
        assert proxy.lost == 1
    assert "may or may not have carried out" in result.stderr
    assert until(known, lambda now: now == before + 1)


def test_a_file_whose_answers_are_lost_is_enqueued_once(shared_server, tmp_path):
    lines = [json.dumps({"type": "filed", "payload": n, **({"idempotency_key": f"k{n}"} if n % 3 == 0 else {})})
             for n in range(1500)]
    (tmp_path / "tasks.jsonl").write_text("\n".join(lines))
    with Dropper(shared_server.port, path="/v1/tasks/batch", lose=4) as proxy:
        result = run("enqueue", "--from", "tasks.jsonl", "--server", proxy.url, cwd=tmp_path)
        assert proxy.lost == 4
    assert "1,500 tasks" in result.stdout
    listed = until(lambda: shared_server.run("task", "list", "--type", "filed", "--all", "-o", "jsonl").stdout.splitlines(),
                   lambda found: len(found) >= 1500)
    assert len(listed) == 1500
