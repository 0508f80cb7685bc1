"""treadle apply: queues and policies from a file, and everything else that carries the fields of policies."""

import json
import re

import pytest
import yaml
from treadle import ROOT, run


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


def test_a_file_is_shown_first_and_applied_once(server, file):
    path = file(MAILS)
    shown = server.run("apply", "-f", path, "--dry-run")
    assert "dry run" in shown.stderr
    assert server.get("/v1/queues/mails").status == 404
    assert ["queue", "mails", "lease", "-", "90s"] in [line.split() for line in shown.stdout.splitlines()]

    assert server.run("apply", "-f", path).stdout == shown.stdout
    policy = server.queue("mails")["policy"]
    assert policy["lease_ms"] == 90_000
    assert (policy["retry"]["backoff_base_ms"], policy["retry"]["backoff_cap_ms"]) == (1000, 120_000)
    assert (policy["retention"]["completed_tasks"], policy["retention"]["completed_bytes"]) == (7, 1 << 20)
    again = server.run("apply", "-f", path)
    assert (again.stdout, "nothing to change" in again.stderr) == ("", True)


def test_apply_changes_only_the_differences(server, file):
    server.run("apply", "-f", file(MAILS))
    change = json.loads(server.run("apply", "-f", file(MAILS.replace("90s", "2m")), "-o", "json").stdout)
    assert change == {"dry_run": False, "changes": [
        {"queue": "mails", "new": False, "fields": [{"field": "lease", "from": "90s", "to": "2m"}]}]}
    assert server.queue("mails")["policy"]["retry"]["backoff_cap_ms"] == 120_000


@pytest.mark.parametrize("text, message", [
    ("[queues.a]\nleese = '1s'\n", 'queues.toml:2: leese is not a known field; did you mean "lease"?'),
    ("[queues.a.retry]\nbackof_cap = '1s'\n", 'did you mean "retry.backoff_cap"?'),
    ("[queues.a]\nlease = 5\n", 'queues.toml:2: lease has no unit; did you mean "5s"?'),
    ("[queues.a]\nretention = { completed_tasks = '5' }\n", "must be a whole number, 0 or more"),
    ("[queue.a]\n", "queue is not a known section; write [queues.NAME] or [types.NAME]"),
    ("[queues]\na = 1\n", "queues.a is not a table"),
    ("[queues.a]\nlease = '0s'\n", "lease_ms"),
    ("[types.a]\nlease = '1s'\n", "lease is not a known field"),
    ("[queues.a]\npaused = 'yes'\n", "must be true or false"),
    ("[queues.a.retry]\ndelays = [1]\n", 'retry.delays has no unit; did you mean "1s"?'),
    ("[queues.a.retry]\nbackoff = 'odd'\n", "must be one of exponential, linear, fixed, listed"),
])
def test_a_mistake_is_named_with_its_line(server, file, text, message):
    assert message in server.run("apply", "-f", file(text), expect=4).stderr
    assert server.get("/v1/queues/a").status == 404


EVERYTHING = """
[queues.mails]
lease = "20s"
idempotency_window = "1h"
attempt_timeout = "5m"
cancel_grace = "10s"
max_worker_losses = 3
paused = true
draining = true
search_payloads = true
retry = { backoff = "linear", jitter = "equal", backoff_base = "1s", backoff_cap = "2m", max_attempts = 7, total = "1d", never = ["a", "b"], always = ["c"] }
retention = { completed_tasks = 1, completed = "1h", completed_bytes = "1MiB", dead = "2d" }
capacity = { tasks = 10, bytes = "1GiB", when_full = "shed" }

[types.invoice]
attempt_timeout = "10s"
retry = { backoff = "listed", delays = ["1s", "1m"], never = ["payload_invalid"] }

[types.quote]
retry = { preset = "patient" }
"""


def test_every_field_of_queues_and_types_is_applied_and_then_nothing_differs(server, file):
    shown = server.run("apply", "-f", file(EVERYTHING)).stdout
    assert ["type", "invoice", "retry.delays", "-", "[1s,", "1m]"] in [line.split() for line in shown.splitlines()]
    policy = server.queue("mails")["policy"]
    assert policy["paused"] is policy["draining"] is policy["search_payloads"] is True and policy["max_worker_losses"] == 3
    assert policy["capacity"] == {"tasks": 10, "bytes": 1 << 30, "when_full": "shed"}
    assert (policy["retry"]["backoff"], policy["retry"]["never"]) == ("linear", ["a", "b"])
    invoice = server.get("/v1/types/invoice").json["policy"]
    assert (invoice["attempt_timeout_ms"], invoice["retry"]["delays_ms"]) == (10_000, [1000, 60_000])
    assert server.get("/v1/types/quote").json["policy"]["retry"]["max_attempts"] == 25
    assert "nothing to change" in server.run("apply", "-f", file(EVERYTHING)).stderr
    said = server.run("type", "get", "invoice").stdout
    assert "waits 1 s, then 1 min" in said and "no retry after payload_invalid" in said and "10 s" in said
    assert "invoice" in server.run("type", "list").stdout
    said = server.run("queue", "get", "mails").stdout
    assert "10 tasks or 1.0 GiB" in said and "no task is leased" in said and "--payload-text" in said and "plus the same after each further failure" in said
    change = server.run("apply", "-f", file("[types.invoice]\nattempt_timeout = '20s'\n"), "-o", "jsonl").stdout
    assert json.loads(change) == {"type": "invoice", "new": False,
                                  "fields": [{"field": "attempt_timeout", "from": "10s", "to": "20s"}]}


def test_a_queue_is_set_drained_purged_and_deleted_by_the_command_line(server):
    said = server.run("queue", "set", "mails", "lease=45s", "retry.backoff=fixed", "retry.never=[\"bad\"]", "capacity.bytes=64MiB", "paused=true")
    assert said.stdout == "queue mails is set; this queue is new\n"
    policy = server.queue("mails")["policy"]
    assert (policy["lease_ms"], policy["retry"]["backoff"], policy["retry"]["never"]) == (45_000, "fixed", ["bad"])
    assert (policy["capacity"]["bytes"], policy["paused"]) == (64 << 20, True)

    server.enqueue(queue="mails")
    assert "accepts no new tasks" in server.run("queue", "drain", "mails").stdout
    assert server.enqueue(queue="mails", expect=409).code == "FAILED_PRECONDITION"
    assert "accepts tasks again" in server.run("queue", "drain", "mails", "--off").stdout
    server.enqueue(queue="mails")
    assert "1 found" not in server.run("queue", "purge", "mails", "--count").stdout
    assert "2 changed" in server.run("queue", "purge", "mails", "--yes").stdout
    assert server.queue("mails")["tasks"]["ready"] == 0
    assert server.run("queue", "delete", "mails").stdout == "queue mails is deleted\n"
    assert server.get("/v1/queues/mails").status == 404

    assert server.run("type", "set", "resize", "attempt_timeout=10m").stdout == "type resize is set; this type is new\n"
    assert server.get("/v1/types/resize").json["policy"]["attempt_timeout_ms"] == 600_000


@pytest.mark.parametrize(("word", "told"), [
    ("lease", "is not FIELD=VALUE"), ("=1", "is not FIELD=VALUE"), ("lase=45s", 'did you mean "lease"'),
    ("lease=soon", "is not a duration"), ("lease=5", 'did you mean "5s"?'), ('lease="5"', 'did you mean "5s"?'), ("retry.max_attempts=x", "must be a whole number"), ("a\nb=1", "is not FIELD=VALUE")])
def test_an_argument_that_sets_nothing_is_refused(server, word, told):
    failed = server.run("queue", "set", "mails", word, expect=2)
    assert told in failed.stderr
    assert server.get("/v1/queues/mails").status == 404


def test_the_order_of_fields_does_not_matter(server, file):
    fields = {"max_attempts": 3, "never": ["a"], "preset": "patient"}
    for order in (("preset", "never", "max_attempts"), ("max_attempts", "never", "preset")):
        answer = server.call("PUT", "/v1/queues/q", {"retry": {name: fields[name] for name in order}})
        retry = answer.json["policy"]["retry"]
        assert (retry["max_attempts"], retry["never"], retry["backoff_cap_ms"]) == (3, ["a"], 3_600_000)
    assert server.call("PUT", "/v1/queues/q", {"retry": {"max_attempts": 0, "preset": "default"}}).status == 400


def test_a_preset_in_a_file_leaves_its_neighbors_alone(server, file):
    server.call("PUT", "/v1/queues/mails", {"retry": {"max_attempts": 3, "total_ms": 5000}})
    path = file("[queues.mails]\nretry = { preset = 'patient', max_attempts = 3, never = ['a'] }\n")
    server.run("apply", "-f", path)
    retry = server.queue("mails")["policy"]["retry"]
    assert (retry["max_attempts"], retry["never"], retry["backoff_cap_ms"], retry["total_ms"]) == (3, ["a"], 3_600_000, 0)
    assert "nothing to change" in server.run("apply", "-f", path).stderr
    assert server.queue("mails")["policy"]["retry"] == retry


def test_an_unknown_preset_is_refused(server, file):
    server.call("PUT", "/v1/queues/mails", {})
    failed = server.run("apply", "-f", file("[queues.mails]\nretry = { preset = 'odd' }\n"), expect=4)
    assert "retry.preset must be default or patient" in failed.stderr


SCHEMAS = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())["components"]["schemas"]
OF_THE_ENGINE = {"deleted", "lease_before_ms", "lease_before_until"}


def paths_of(kind):
    """The fields in the table of `kind`, as the program has it: "lease_ms", "retention.dead_ms", and so on."""
    table = run("docs", "fields").stdout.split(f"#### Fields of {kind}\n")[1].split("####")[0]
    paths = re.findall(r"^\| \d+ \| `(\S+)` \|", table, re.M)
    assert len(paths) > 1
    return [path for path in paths if path not in OF_THE_ENGINE]


def property_of(path, schema):
    """The property of a schema of the contract, which must be there."""
    section, dot, name = path.rpartition(".")
    properties = SCHEMAS[schema]["properties"]
    if dot:
        properties = SCHEMAS[properties[section]["$ref"].rpartition("/")[2] if "$ref" in properties[section] else "RetryPolicy"]["properties"]
    return properties[name]


def another_value(property):
    """One that the contract allows and that is not the default."""
    if property.get("type") == "array":
        return [1000, 2000] if "type" in property["items"] else ["busy", "gone"]
    if property.get("type") == "boolean":
        return not property["default"]
    if "enum" in property:
        return next(value for value in reversed(property["enum"]) if value != property["default"])
    return property["maximum"] if property["maximum"] != property.get("default") else property["minimum"]


def word_and_value(path, value):
    """The same in a file and on the command line, where durations have a unit and no "_ms"."""
    if not path.endswith("_ms"):
        return path, json.dumps(value)
    ms = [f"{each}ms" for each in (value if isinstance(value, list) else [value])]
    return path.removesuffix("_ms"), json.dumps(ms if isinstance(value, list) else ms[0])


def at(policy, path):
    for name in path.split("."):
        policy = policy[name]
    return policy


@pytest.mark.parametrize("kind, of", [("queue", "the policy of a queue"), ("type", "the policy of a task type")])
def test_each_field_of_the_table_is_in_words_files_json_and_the_contract_and_outlives_a_crash(server, file, kind, of):
    change, reply = {"queue": ("PolicyChange", "Policy"), "type": ("TypePolicyChange", "TypePolicy")}[kind]
    paths = paths_of("a retry policy") + paths_of(of)
    wanted = {path: another_value(property_of(path, change)) for path in paths}
    assert all(property_of(path, reply) for path in paths)
    words = dict(word_and_value(path, value) for path, value in wanted.items())
    server.run(kind, "set", "q", *[f"{word}={value}" for word, value in words.items()])

    def is_set():
        policy = server.get(f"/v1/{kind}s/q").json["policy"]
        assert {path: at(policy, path) for path in paths} == wanted
        assert sum(len(value) if isinstance(value, dict) else 1 for value in policy.values()) == len(paths)

    is_set()
    lines = [f"[{kind}s.q]", *(f"{word} = {value}" for word, value in words.items())]
    assert "nothing to change" in server.run("apply", "-f", file("\n".join(lines))).stderr
    server.kill()
    server.restart()
    is_set()
    assert server.stop() == 0
    server.restart()
    is_set()
