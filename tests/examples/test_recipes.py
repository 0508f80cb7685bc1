"""The recipes of docs/recipes.md: each application runs as its readers would run it, with its worker and the real server, and
is asked over HTTP. That of Next.js is in by_hand.py, as its packages are large."""

import http.client
import json
import secrets
from contextlib import contextmanager

import pytest
from programs import EXAMPLES, PYTHON_SDK, ROOT, WORKER, Program, build_go_program, node_project, run, until

from pages import free_port

RECIPES = EXAMPLES / "recipes"
PYTHON = ROOT / "build/python/bin/python"  # with what scripts/requirements-test.txt pins


class Web:
    """A web server on a port of its own."""

    def __init__(self, port):
        self.port = port

    def call(self, method, path, body=None, **headers):
        """(status, the answer's JSON, or None if it has none)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            text = answer.read()
            is_json = answer.headers.get("Content-Type", "").startswith("application/json")
            return answer.status, json.loads(text) if is_json else None
        finally:
            connection.close()

    def listens(self):
        try:
            return self.call("GET", "/")[0]
        except OSError:
            return None


@contextmanager
def running(cwd, logs, worker, web, **environment):
    """The application's worker and its web server; `web` is a function of the port."""
    port = free_port()
    with Program(logs / "worker.log", *worker, cwd=cwd, **environment) as at_work, \
            Program(logs / "web.log", *web(port), cwd=cwd, **environment) as server:
        def up():
            assert server.process.poll() is None, server.text
            return Web(port).listens()

        until(up)
        yield Web(port)
        assert at_work.stop() == 0, at_work.text


def check_reports(web, server, place="/reports"):
    """What the recipes have in common: a report is made in the background and asked for by its ID."""
    key = secrets.token_hex(8)
    status, created = web.call("POST", place, {"month": "2026-11"}, Idempotency_Key=key)
    assert (status, list(created)) == (202, ["id"])
    path = f"{place}/{created['id']}"
    until(lambda: web.call("GET", path)[1]["state"] == "completed")
    assert web.call("GET", path) == (200, {"state": "completed", "result": {"month": "2026-11", "pages": 3}})
    assert web.call("POST", place, {"month": "2026-11"}, Idempotency_Key=key) == (202, created), "the same task"
    assert web.call("POST", place, {"month": "2026-12"}, Idempotency_Key=key)[0] == 409
    assert web.call("POST", place, {"month": "2026-11"})[1] != created, "without a key, another one"
    assert web.call("GET", f"{place}/1-99999")[0] == 404
    assert web.call("GET", f"{place}/{server.enqueue('secret')}")[0] == 404, "a task of another type is not shown"


def test_flask(server, tmp_path):
    environment = {**PYTHON_SDK, "TREADLE_SERVER": server.url}
    with running(RECIPES / "flask", tmp_path, [PYTHON, *WORKER, "reports:tasks"],
                 lambda port: [PYTHON, "-m", "flask", "--app", "reports", "run", "--port", port], **environment) as web:
        check_reports(web, server)


def test_fastapi(server, tmp_path):
    environment = {**PYTHON_SDK, "TREADLE_SERVER": server.url}
    with running(RECIPES / "fastapi", tmp_path, [PYTHON, *WORKER, "reports:tasks"],
                 lambda port: [PYTHON, "-m", "uvicorn", "reports:web", "--port", port], **environment) as web:
        check_reports(web, server)


def test_express(server, tmp_path, typescript_sdk):
    express = ROOT / "build/express/node_modules"
    project = node_project(tmp_path / "project", [RECIPES / "express/reports.mjs"], typescript_sdk, *express.iterdir())
    environment = {"TREADLE_SERVER": server.url}
    with running(project, tmp_path, ["node", "reports.mjs", "work"], lambda port: ["env", f"PORT={port}", "node", "reports.mjs"],
                 **environment) as web:
        check_reports(web, server)


def test_nethttp(server, tmp_path):
    program = build_go_program(RECIPES / "nethttp", tmp_path / "reports")
    with running(tmp_path, tmp_path, [program, "work"], lambda port: [program, "-listen", f"127.0.0.1:{port}"],
                 TREADLE_SERVER=server.url) as web:
        check_reports(web, server)


@pytest.fixture
def shop(own_server, tmp_path):
    """The environment of the Django project, with a migrated database of its own."""
    environment = {**PYTHON_SDK, "TREADLE_SERVER": own_server.url, "DATABASE": str(tmp_path / "shop.sqlite3"), "MAILS": str(tmp_path / "mails")}
    manage("migrate", environment)
    return environment


def manage(*words):
    *words, environment = words
    return run(PYTHON, "manage.py", *words, cwd=RECIPES / "django", **environment)


def test_django_enqueues_after_the_commit(own_server, shop, tmp_path):
    with running(RECIPES / "django", tmp_path, [PYTHON, *WORKER, "worker:app"],
                 lambda port: [PYTHON, "manage.py", "runserver", "--noreload", port], **shop) as web:
        order = {"customer": "ada@example.com", "cents": 250}
        assert web.call("POST", "/orders", {**order, "card": "declined"})[0] == 402
        status, created = web.call("POST", "/orders", order)
        assert status == 201
        until(lambda: web.call("GET", f"/orders/{created['id']}")[1]["receipt_mailed"])
        assert [task["type"] for task in own_server.get("/v1/tasks").json["tasks"]] == ["mail_receipt"], "none for the rollback"
        [mail] = (tmp_path / "mails").iterdir()
        assert "To: ada@example.com\n" in mail.read_text() and "You paid 250 cents." in mail.read_text()
        assert manage("enqueue_receipts", "--older-than=0", shop) == ""


def test_django_answers_while_the_server_is_away_and_enqueues_later(own_server, shop, tmp_path):
    with running(RECIPES / "django", tmp_path, [PYTHON, *WORKER, "worker:app"],
                 lambda port: [PYTHON, "manage.py", "runserver", "--noreload", port], **shop) as web:
        own_server.stop()
        status, created = web.call("POST", "/orders", {"customer": "ada@example.com", "cents": 250})
        assert status == 201
        own_server.restart()
        for _ in range(2):  # the key makes the second time harmless
            manage("enqueue_receipts", "--older-than=0", shop)
        until(lambda: web.call("GET", f"/orders/{created['id']}")[1]["receipt_mailed"])
        assert len(list((tmp_path / "mails").iterdir())) == 1
        assert len(own_server.get("/v1/tasks").json["tasks"]) == 1


def test_the_page_shows_each_recipe():
    page = (ROOT / "docs/recipes.md").read_text()
    assert [path.name for path in RECIPES.iterdir() if f" examples/recipes/{path.name}/" not in page] == []
