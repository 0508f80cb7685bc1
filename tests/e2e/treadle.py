"""What the end-to-end tests know about Treadle: how to start a server, call it over HTTP, act as a worker, run the
program.

Nothing here sleeps for a fixed time to let something happen: `until` asks again until an answer fits or time is up.
"""

import http.client
import json
import os
import random
import re
import secrets
import signal
import subprocess
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = (os.environ.get("TREADLE_BINARY") or os.environ.get("TREADLE")
          or str(ROOT / "build/release/treadle"))
DEADLINE_S = 30
# Under a sanitizer a program needs ten times as long to start and to run, so tests of many cases that are alike take some
# of them. TREADLE_SEED=7 pytest … repeats a choice.
SANITIZED = bool(os.environ.get("TREADLE_SANITIZED"))
SEED = int(os.environ.get("TREADLE_SEED") or random.randrange(2**32))


def some(cases, count):
    """All of `cases`, or under a sanitizer `count` of them, chosen by SEED and the name of the test. In their order."""
    cases = list(cases)
    if not SANITIZED or count >= len(cases):
        return cases
    print(f"{count} of {len(cases)} cases: TREADLE_SEED={SEED}")
    chosen = random.Random(f"{SEED} {os.environ.get('PYTEST_CURRENT_TEST')}").sample(range(len(cases)), count)
    return [cases[at] for at in sorted(chosen)]



def until(ask, fits=bool, deadline_s=DEADLINE_S):
    """The first answer of `ask()` that `fits`. Fails if none arrives in time."""
    end = time.monotonic() + deadline_s
    while True:
        answer = ask()
        if fits(answer):
            return answer
        assert time.monotonic() < end, f"still {answer!r} after {deadline_s} s"
        time.sleep(0.02)


class Answer:
    """The answer to one HTTP request."""

    def __init__(self, response, body):
        self.status, self.body, self.headers = response.status, body, response.headers
        self.content_type = (response.headers.get("Content-Type") or "").split(";")[0]

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        assert self.content_type == "application/problem+json", self
        assert self.json["status"] == self.status
        return self.json["code"]

    @property
    def detail(self):
        return self.json["detail"]

    def __repr__(self):
        return f"<{self.status} {self.content_type} {self.body[:500]!r}>"


class Http:
    """Calls to one server. Each call has its own connection, so that any of them may break."""

    def __init__(self, port, headers=None):
        self.port, self.headers = port, headers or {}

    def call(self, method, path, body=None, headers=None, timeout=DEADLINE_S + 35):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        all_headers = dict(self.headers)
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if body is not None:
            all_headers["Content-Type"] = "application/json"
        all_headers.update(headers or {})
        try:
            connection.request(method, path, body, all_headers)
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()

    def later(self, method, path, body=None):
        """Calls in another thread. Returns a future."""
        return ThreadPoolExecutor(1).submit(self.call, method, path, body)

    def get(self, path, **options):
        return self.call("GET", path, **options)

    def post(self, path, body, **options):
        return self.call("POST", path, body, **options)

    def enqueue(self, type="t", expect=201, headers=None, **fields):
        answer = self.post("/v1/tasks", {"type": type, **fields}, headers=headers)
        assert answer.status == expect, answer
        return answer.json["id"] if expect in (200, 201) else answer

    def task(self, id, wait=None):
        answer = self.get(f"/v1/tasks/{id}" + (f"?wait={wait}" if wait else ""))
        assert answer.status == 200, answer
        return answer.json

    def queue(self, name="default"):
        answer = self.get(f"/v1/queues/{name}")
        assert answer.status == 200, answer
        return answer.json


class Worker:
    """A worker controlled by the test: each call is one exchange."""

    def __init__(self, http, types=("t",), queues=("default",), name="worker"):
        self.http, self.types, self.queues, self.name = http, list(types), list(queues), name
        self.incarnation, self.sequence = secrets.token_hex(8), 0

    def request(self, want=1, wait_ms=0, renew=(), reports=(), **more):
        self.sequence += 1
        return {"worker": self.name, "incarnation": self.incarnation, "sequence": self.sequence,
                "queues": self.queues, "types": self.types, "want": want, "wait_ms": wait_ms,
                "renew": list(renew), "reports": list(reports), **more}

    def send(self, request):
        answer = self.http.post("/v1/exchange", request)
        assert answer.status == 200, answer
        return answer.json

    def exchange(self, **fields):
        return self.send(self.request(**fields))

    def lease(self, want=1, wait_ms=10_000):
        """Leases at least one task."""
        leases = self.exchange(want=want, wait_ms=wait_ms)["leases"]
        assert leases, "no task was ready"
        return leases

    def report(self, *reports):
        """Sends reports and returns the codes of the answers."""
        answers = self.exchange(want=0, reports=reports)["reports"]
        assert [each["token"] for each in answers] == [each["token"] for each in reports]
        return [each["code"] for each in answers]

    def complete(self, lease, **fields):
        return self.report({"token": lease["token"], "outcome": "completed", **fields})[0]

    def fail(self, lease, code="broken", message="it broke", **fields):
        return self.report({"token": lease["token"], "outcome": "failed",
                            "error": {"code": code, "message": message}, **fields})[0]

    def release(self, lease):
        return self.report({"token": lease["token"], "outcome": "released"})[0]


class Server(Http):
    """The real program as a server, on a free port."""

    def __init__(self, data_dir, *flags, log, headers=None, listen="127.0.0.1:0", command=()):
        super().__init__(0, headers)
        self.data_dir, self.flags, self.log_path = Path(data_dir), flags, Path(log)
        self.listen, self.command, self.process = listen, list(command), None

    def launch(self):
        self.log_file = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [*self.command, BINARY, "server", "--data", str(self.data_dir), "--listen", self.listen, *self.flags],
            stdin=subprocess.DEVNULL, stdout=self.log_file, stderr=self.log_file)
        return self

    def start(self):
        """Launches it and waits until it is ready."""
        seen = self.log_path.stat().st_size if self.log_path.exists() else 0
        self.launch()

        def port():
            found = re.search(r"http://\S+?:(\d+)", self.log[seen:])
            assert found or self.process.poll() is None, f"the server ended:\n{self.log}"
            return found and int(found.group(1))

        self.port = until(port)
        return self

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def restart(self):
        """Starts again on the same port, like a server that comes back."""
        self.listen = f"127.0.0.1:{self.port}"
        return self.start()

    def stop(self, with_signal=signal.SIGTERM):
        """Stops it in an orderly way and returns the exit status."""
        self.process.send_signal(with_signal)
        status = self.process.wait(DEADLINE_S)
        self.log_file.close()
        return status

    def kill(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.kill()
        self.process.wait(DEADLINE_S)
        self.log_file.close()

    def worker(self, *types, **options):
        return Worker(self, types or ("t",), **options)

    def run(self, *words, expect=0, stdin="", **options):
        """Runs one command of the program against this server."""
        return run(*words, expect=expect, stdin=stdin, env={"TREADLE_SERVER": self.url}, **options)


def run(*words, expect=0, stdin="", env=None, timeout=60, cwd=None, command=()):
    """Runs one command of the program, under `command` if given. Fails unless it exits with status `expect` (None:
    any)."""
    result = subprocess.run([*command, BINARY, *words], input=stdin, capture_output=True, text=True, timeout=timeout, cwd=cwd,
                            env={**os.environ, "NO_COLOR": "1", **(env or {})})
    if expect is not None:
        assert result.returncode == expect, (words, result)
    return result


def quoted(text):
    return urllib.parse.quote(text, safe="")
