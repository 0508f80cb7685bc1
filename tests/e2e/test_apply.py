"""treadle apply: queues and policies from a file."""

import json

import pytest


@pytest.fixture
def file(tmp_path):
    """Writes the file: file("[queues.a]…")."""
    path = tmp_path / "queues.toml"

    def write(text):
        path.write_text(text)
        return str(path)

    return write


MAILS = """
[queues.mails]
lease = "90s"
retry = { backoff_base = "1s", backoff_cap = "2m" }
[queues.mails.retention]
completed_tasks = 7
completed_bytes = "1MiB"
"""


def test_a_file_is_applied_once_and_shown_before(server, file):
    path = file(MAILS)
    shown = server.run("apply", "-f", path, "--dry-run")
    assert "a dry run" in shown.stderr
    assert server.get("/v1/queues/mails").status == 404
    assert ["mails", "lease", "-", "90s"] in [line.split() for line in shown.stdout.splitlines()]

    assert server.run("apply", "-f", path).stdout == shown.stdout
    policy = server.queue("mails")["policy"]
    assert policy["lease_ms"] == 90_000
    assert (policy["retry"]["backoff_base_ms"], policy["retry"]["backoff_cap_ms"]) == (1000, 120_000)
    assert (policy["retention"]["completed_tasks"], policy["retention"]["completed_bytes"]) == (7, 1 << 20)
    again = server.run("apply", "-f", path)
    assert (again.stdout, "nothing to change" in again.stderr) == ("", True)


def test_only_what_differs_is_changed(server, file):
    server.run("apply", "-f", file(MAILS))
    change = json.loads(server.run("apply", "-f", file(MAILS.replace("90s", "2m")), "-o", "json").stdout)
    assert change == {"dry_run": False, "changes": [
        {"queue": "mails", "new": False, "fields": [{"field": "lease", "from": "90s", "to": "2m"}]}]}
    assert server.queue("mails")["policy"]["retry"]["backoff_cap_ms"] == 120_000


@pytest.mark.parametrize("text, message", [
    ("[queues.a]\nleese = '1s'\n", 'queues.toml:2: leese is unknown; did you mean "lease"?'),
    ("[queues.a.retry]\nbackof_cap = '1s'\n", 'did you mean "retry.backoff_cap"?'),
    ("[queues.a]\nlease = 5\n", 'queues.toml:2: lease is not a duration; write for example "30s"'),
    ("[queues.a]\nretention = { completed_tasks = '5' }\n", "is not a whole number from 0"),
    ("[queue.a]\n", "queue is unknown; write [queues.NAME]"),
    ("[queues]\na = 1\n", "queues.a is not a table"),
    ("[queues.a]\nlease = '0s'\n", "lease_ms"),
])
def test_a_mistake_is_named_with_its_line(server, file, text, message):
    assert message in server.run("apply", "-f", file(text), expect=4).stderr
    assert server.get("/v1/queues/a").status == 404
