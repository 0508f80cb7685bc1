"""What people type in their first hour: several tasks at once, tasks from a file, a server that is still starting,
and readable answers."""

import http.server
import json
import os
import pty
import re
import subprocess
import threading

import pytest

from treadle import BINARY, run, until


def test_a_file_of_tasks_is_enqueued_in_its_order(shared_server, tmp_path):
    path = tmp_path / "tasks.jsonl"
    path.write_text("".join(json.dumps({"type": "file", "payload": {"n": n}, "priority": n % 10}) + "\n\n"
                            for n in range(2500)))
    assert shared_server.run("enqueue", "--from", str(path)).stdout == "enqueued 2,500 tasks\n"
    tasks = until(lambda: [json.loads(line) for line in shared_server.run(
        "task", "list", "--type", "file", "--all", "-o", "jsonl").stdout.splitlines()], lambda found: len(found) == 2500)
    tasks.reverse()
    assert [task["priority"] for task in tasks] == [n % 10 for n in range(2500)]
    assert shared_server.run("task", "payload", tasks[1234]["id"]).stdout == '{"n": 1234}'


def test_type_and_queue_apply_to_lines_that_name_none(shared_server):
    lines = '{"payload":1}\n{"type":"named","queue":"own"}\n{}'
    answers = shared_server.run("enqueue", "given", "-q", "given", "--from", "-", "-o", "jsonl", stdin=lines).stdout.splitlines()
    tasks = [shared_server.task(json.loads(line)["id"]) for line in answers]
    assert [(task["type"], task["queue"]) for task in tasks] == [("given", "given"), ("named", "own"), ("given", "given")]
    assert [json.loads(line)["line"] for line in answers] == [1, 2, 3]


@pytest.mark.parametrize("bad,says", [
    ("nonsense", "is not JSON"), ("[1]", "is not an object"), ('{"payload":1}', 'has no "type"'),
    ('{"type":"t","priority":10}', "priority must be"), ('{"type":"t","nonsense":1}', "nonsense")])
def test_a_bad_line_is_named_and_all_before_it_are_enqueued(shared_server, tmp_path, bad, says):
    type = f"before{abs(hash(bad))}"
    path = tmp_path / "tasks.jsonl"
    path.write_text((json.dumps({"type": type}) + "\n") * 1234 + bad + "\n" + (json.dumps({"type": type}) + "\n") * 20)
    result = shared_server.run("enqueue", "--from", str(path), expect=4)
    assert f"{path}:1235:" in result.stderr and says in result.stderr, result.stderr
    assert "lines up to 1234 were enqueued, nothing after that" in result.stderr
    assert "tasks[" not in result.stderr
    listed = until(lambda: shared_server.run("task", "list", "--type", type, "--all", "-o", "jsonl").stdout.splitlines(),
                   lambda found: len(found) >= 1234)
    assert len(listed) == 1234


def test_invalid_files_and_meaningless_flags_are_refused(shared_server, tmp_path):
    assert "is a directory" in shared_server.run("enqueue", "--from", str(tmp_path), expect=4).stderr
    assert "cannot read" in shared_server.run("enqueue", "--from", str(tmp_path / "none"), expect=4).stderr
    assert "--from" in shared_server.run("enqueue", "--from", "-", "--priority", "3", expect=2).stderr
    assert shared_server.run("enqueue", "--from", "-").stdout == "enqueued 0 tasks\n"


def test_several_tasks_are_changed_by_one_command(shared_server):
    ids = [shared_server.enqueue("several") for _ in range(3)]
    said = shared_server.run("task", "cancel", *ids, "--reason", "by hand").stdout
    assert said.splitlines() == [f"task {id} is cancelled" for id in ids]
    mixed = shared_server.run("task", "redrive", ids[0], "1-999999", ids[1], expect=5)
    assert [line.split()[1] for line in mixed.stdout.splitlines()] == [ids[0], ids[1]] and "1-999999" in mixed.stderr
    listed = json.loads(shared_server.run("task", "delete", *ids, "-o", "json").stdout)
    assert [each["id"] for each in listed] == ids
    assert len(shared_server.run("task", "get", *ids, expect=5).stderr.splitlines()) == 3


def test_get_shows_the_data_of_a_task(shared_server):
    id = shared_server.run("enqueue", "shown", json.dumps({"name": "Ada"})).stdout.strip()
    worker = shared_server.worker("shown")
    worker.complete(worker.lease()[0], result_base64="b25lCnR3bw==", content_type="text/plain")
    out = shared_server.run("task", "get", id).stdout
    assert re.search(r'^payload +\{"name": "Ada"\}$', out, re.M), out
    assert re.search(r"^result +one\n +two$", out, re.M), out
    assert "b25lC" not in out
    long = shared_server.enqueue("shown", payload="ä" * 2000)
    out = shared_server.run("task", "get", long).stdout
    assert f"all of it: treadle task payload {long}" in out and 1000 < len(out.encode()) < 2500
    binary = shared_server.enqueue("shown", payload_base64="AAECAw==", content_type="image/png")
    assert "4 B of image/png" in shared_server.run("task", "get", binary).stdout


def test_waiting_for_a_type_without_workers_warns_at_once(shared_server):
    shared_server.enqueue("resize")
    result = shared_server.run("enqueue", "resise", "--wait=300ms", expect=7)
    assert "no worker asks for tasks of type resise in queue default so far; did you mean \"resize\"?" in result.stderr


def test_commands_wait_for_a_server_that_is_starting():
    """At first its port refuses connections, then it is not ready."""
    asked = []

    class Starting(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            ready = len(asked) > 2
            body = json.dumps({"name": "treadle", "version": "1"} if ready else {"code": "UNAVAILABLE", "detail": "starting"})
            self.send_response(200 if ready else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Starting, bind_and_activate=False)
    server.server_bind()
    timer = threading.Timer(0.2, lambda: (server.server_activate(), server.serve_forever()))
    timer.start()
    try:
        assert "treadle" in run("info", "--server", f"http://127.0.0.1:{server.server_port}").stdout
        assert len(asked) == 3
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("form", [["--json"], ["-o", "json"], ["-o", "jsonl"]])
def test_the_demo_prints_json_and_nothing_else(tmp_path, form):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/file").write_text("x")
    result = run("demo", str(tmp_path / "tree"), "--serve", "--once", "--port", "0", "--data", str(tmp_path / "data"), *form,
                 timeout=120)
    figures = json.loads(result.stdout)
    assert figures["files"] == 1 and figures["verified"]
    assert 0 <= figures["p50_ms"] <= figures["p99_ms"]


def test_the_demo_stays_clear_of_the_quick_start(tmp_path):
    text = run("demo", "--help").stdout
    assert "./treadle-demo" in text and "127.0.0.1:7374" in text and "--port" in text


def test_bytes_are_a_value_of_a_document_in_json_form(shared_server):
    id = shared_server.enqueue("bytes", payload_base64="AAEC", content_type="image/png")
    document = json.loads(shared_server.run("task", "payload", id, "-o", "json").stdout)
    assert document == {"id": id, "content_type": "image/png", "payload_base64": "AAEC"}
    document = json.loads(shared_server.run("task", "log", id, "-o", "json").stdout)
    assert document == {"id": id, "attempt": 0, "log": ""}


def started(tmp_path, **env):
    """What `treadle start` prints until it is ready."""
    done = subprocess.Popen([BINARY, "start", "--listen", "127.0.0.1:0"], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "NO_COLOR": "1", **env})
    text = ""
    try:
        while "Ctrl-C stops" not in text:
            line = done.stderr.readline()
            assert line, text
            text += line
    finally:
        done.terminate()
        done.communicate(timeout=30)
    return text


def test_a_start_says_what_it_does(tmp_path):
    assert f"making a new data directory, {tmp_path}/treadle-data" in started(tmp_path).splitlines()[0]
    assert f"opening the data directory {tmp_path}/treadle-data" in started(tmp_path).splitlines()[0]


def on_a_terminal(*words, env):
    """What a command prints to a terminal."""
    main, other = pty.openpty()
    text = []

    def read():
        try:
            while piece := os.read(main, 4096):
                text.append(piece)
        except OSError:
            pass

    reader = threading.Thread(target=read)
    reader.start()
    subprocess.run([BINARY, *words], stdin=subprocess.DEVNULL, stdout=other, stderr=other, timeout=60, check=False,
                   env={**os.environ, "NO_COLOR": "1", **env})
    os.close(other)
    reader.join()
    os.close(main)
    return b"".join(text).decode()


def test_hints_name_the_server_whenever_a_context_is_active(shared_server, tmp_path):
    env = {"XDG_CONFIG_HOME": str(tmp_path)}
    run("context", "add", "here", "--server", shared_server.url, env=env)
    id = shared_server.enqueue("hinted")
    for words in (["task", "get", id], ["enqueue", "hinted"], ["task", "explain", id]):
        said = on_a_terminal(*words, env=env)
        commands = re.findall(r"treadle (?:--server \S+ )?(?:task|worker|bulk)[^\r\n]*", said)
        assert commands, said
        assert all(f"--server {shared_server.url}" in command for command in commands), said


def test_an_unknown_host_is_reported_as_unknown():
    result = run("info", "--server", "http://no-such-host.invalid:7373", expect=3)
    assert "check the address, which comes from --server or TREADLE_SERVER" in result.stderr
    assert "treadle start" not in result.stderr
    assert "--listen 127.0.0.1:1" in run("info", "--server", "http://127.0.0.1:1", expect=3).stderr


def test_invalid_json_is_shown_as_it_must_be_typed(shared_server):
    assert """'"hi"'""" in shared_server.run("enqueue", "hello", "hi", expect=4).stderr
    assert """'{"name":"Ada"}'""" in shared_server.run("enqueue", "hello", "{name:1}", expect=4).stderr
