"""A worker survives rejected reports, wrong servers, and its own stop."""

import http.server
import json
import operator
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from test_cli import Program
from treadle import until


def worker(url, type, script, *flags):
    return Program("worker", "exec", type, *flags, "--", "/bin/sh", "-c", script, env={"TREADLE_SERVER": url})


def test_a_program_with_an_impossible_snooze_fails_only_its_task(server):
    """Its worker continues, and the task that runs next to it is not lost."""
    bad, good = server.enqueue(max_attempts=1, payload="bad"), server.enqueue(payload="good")
    script = """read what; case "$what" in *bad*) echo 99999h; exit 118;; *) echo fine;; esac"""
    with worker(server.url, "t", script) as program:
        task = until(lambda: server.task(bad), lambda task: task["state"] == "dead")
        assert task["error"]["code"] == "snooze_invalid"
        until(lambda: server.task(good)["state"] == "completed")
        later = server.enqueue(payload="later")
        until(lambda: server.task(later)["state"] == "completed")
        assert program.process.poll() is None


def test_a_stopped_worker_frees_the_lease_of_a_deaf_program_at_once(server, tmp_path):
    server.call("PUT", "/v1/queues/default", {"lease_ms": 3_600_000})
    begun = tmp_path / "begun"
    id = server.enqueue()
    with worker(server.url, "t", f"trap '' TERM; touch {begun}; while :; do sleep 0.05; done") as program:
        until(begun.exists)

        def signalled():
            program.process.send_signal(signal.SIGTERM)
            return server.task(id)

        # One signal ends the grace and one the patience. Signals that come too fast merge into one.
        task = until(signalled, lambda task: task["state"] != "running", deadline_s=90)
        program.process.wait(30)
    assert (task["state"], task["attempt"]) == ("ready", 0)


class WrongServer(http.server.ThreadingHTTPServer):
    """Answers every request at once with the same text and records when it came."""

    daemon_threads = True

    def __init__(self, text):
        super().__init__(("127.0.0.1", 0), WrongHandler)
        self.text, self.asked = text.encode(), []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class WrongHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(time.monotonic())
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.server.text)))
        self.end_headers()
        self.wfile.write(self.server.text)

    def log_message(self, *_):
        pass


def lines_of(program, text):
    seen = ""
    while text not in seen:
        line = program.process.stdout.readline()
        assert line, seen
        seen += line
    return seen


EMPTY = {"leases": [], "reports": [], "lost": [], "cancelled": []}


def test_a_wrong_server_is_not_called_in_a_loop_and_the_log_says_why():
    """Pauses double up to 5 s. The cases wait side by side."""
    cases = (("{}", "leases is missing"), ("<html>", "does not respond like a Treadle server"),
             (json.dumps(EMPTY), "asking less often"),
             (json.dumps({**EMPTY, "lost": ["1-1.1.1"]}), "asking less often"),
             (json.dumps({**EMPTY, "cancelled": ["1-1.1.1"]}), "asking less often"))
    with ThreadPoolExecutor(len(cases)) as pool:
        list(pool.map(lambda case: asks_ever_less_often(*case), cases))


def asks_ever_less_often(text, says):
    server = WrongServer(text)
    with worker(server.url, "t", "cat") as program:
        lines_of(program, says)
        until(lambda: max(map(operator.sub, server.asked[1:], server.asked), default=0) > 1)
        assert len(server.asked) < 100, "it may begin again with short pauses if an answer was slow"
        program.process.send_signal(signal.SIGTERM)
        program.process.wait(30)
    server.shutdown()
