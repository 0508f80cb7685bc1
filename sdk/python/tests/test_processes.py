"""Functions in child processes, and the command line that starts them."""

import os
import signal
import sys

import pytest
from conftest import HERE, until

import treadle

WORKER = ["-m", "treadle", "worker", "workers_app:app", "--quiet"]


@pytest.fixture
def client(server):
    with treadle.Client(server.url) as each:
        yield each


def env(queue, notes=None):
    return {"TEST_QUEUE": queue, **({"TEST_NOTES": str(notes)} if notes else {})}


def alive(pid):
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


def test_functions_run_in_children_and_coroutines_beside_them(server, client, program, tmp_path):
    worker = program(server.url, *WORKER, "--processes", "2", env=env("children"))
    pids = {
        each.result(30)
        for each in client.enqueue_many("which_process", [None] * 20, queue="children")
    }
    assert worker.process.pid not in pids and 1 <= len(pids) <= 2
    assert client.enqueue("echo", {"payload": {"ä": 1}}, queue="children").result(20) == {"ä": 1}
    assert client.enqueue("awaits", {"seconds": 0}, queue="children").result(20) == "waited"
    worker.signal()
    assert worker.wait() == 0
    until(lambda: [each for each in pids if alive(each)], lambda left: not left)


def test_a_child_that_dies_costs_its_own_task_alone(server, client, program, tmp_path):
    program(server.url, *WORKER, "--processes", "2", env=env("dying", tmp_path))
    long = client.enqueue("waits", {"seconds": 1}, queue="dying")
    until((tmp_path / f"{long.id}.begun").exists)
    crash = client.enqueue("crashes", queue="dying", retries=1, retry=treadle.Retry(base=0.01))
    task = crash.wait(30)
    assert (task.state, task.error_code, task.error_message) == (
        "dead",
        "process_died",
        "the process that ran it ended with SIGKILL",
    )
    assert (tmp_path / f"{crash.id}.begun").read_text() == "xx", "it was tried twice"
    assert long.result(30) == "waited"
    assert (long.info().attempt, long.info().worker_losses) == (1, 0)
    assert client.enqueue("which_process", queue="dying").result(30) > 0


def test_a_child_is_told_of_a_cancellation(server, client, program, tmp_path):
    program(server.url, *WORKER, "--processes", "1", env=env("told", tmp_path))
    handle = client.enqueue("waits", {"seconds": 60}, queue="told")
    until((tmp_path / f"{handle.id}.begun").exists)
    handle.cancel()
    with pytest.raises(treadle.TaskCancelledError):
        handle.result(20)
    assert client.enqueue("which_process", queue="told").result(20) > 0


def test_a_deaf_handler_in_a_child_is_ended_and_its_slot_is_free_again(server, make_app, work):
    sys.path.insert(0, str(HERE))
    import workers_app

    app = workers_app.app
    before, app.client = app.pools[""], treadle.Client(server.url)
    app.pool(treadle.Pool(queues=["deaf"], processes=1))
    task = app.tasks["spins"]
    task.timeout, task.task_options = 0.1, treadle.TaskOptions(queue="deaf", max_attempts=1)
    try:
        work(app, cancel_wait=0.2)
        ended = task.enqueue(seconds=600).wait(20)
        assert (ended.state, ended.error_code) == ("dead", "timeout")
        which = app.tasks["which_process"].options(queue="deaf")
        assert which.enqueue().result(20) != os.getpid()
    finally:
        app.pool(before)
        task.timeout = None


def test_children_end_with_a_parent_that_is_killed(server, client, program):
    worker = program(server.url, *WORKER, "--processes", "1", env=env("orphans"))
    pid = client.enqueue("which_process", queue="orphans").result(30)
    worker.kill()
    until(lambda: alive(pid), lambda is_alive: not is_alive)


def test_an_application_that_cannot_be_found_is_refused(make_app, work):
    app = make_app()
    app.pools[""].processes = 1

    @app.task
    def local() -> None:
        pass

    worker = work(app)
    worker.thread.join(20)
    assert worker.error.field == "processes"


@pytest.mark.parametrize(
    "words,status,why",
    [
        (["no_such_module:app"], 2, "there is no module no_such_module"),
        (["workers_app:nothing"], 2, "has no application nothing"),
        (["os"], 2, "0 applications"),
        ([], 2, "MODULE:APP"),
        (["workers_app:app", "--concurrency", "0"], 1, "concurrency"),
    ],
)
def test_wrong_words_are_refused_with_a_reason(server, program, words, status, why):
    each = program(server.url, "-m", "treadle", "worker", *words)
    assert (each.wait(), why in each.text) == (status, True), each.text


def test_help_names_every_option(server, program):
    each = program(server.url, "-m", "treadle", "worker", "--help")
    assert each.wait() == 0
    for option in ("--queues", "--concurrency", "--processes", "--reload", "--quiet", "--grace"):
        assert option in each.text


def test_options_reach_the_worker(server, client, program):
    program(
        server.url,
        "-m",
        "treadle",
        "worker",
        "workers_app",
        "--queues",
        "cli.a,cli.b",
        "--concurrency",
        "3",
        "--name",
        "by-hand",
        "--build",
        "v1.2",
    )
    handle = client.enqueue("echo", {"payload": 1}, queue="cli.b")
    assert handle.result(20) == 1
    attempt = client.attempts(handle.id)[0]
    assert (attempt["worker"], attempt["build"]) == ("by-hand", "v1.2")


def test_lines_are_json_where_nobody_reads_them_on_a_terminal(server, client, program):
    import json

    worker = program(server.url, "-m", "treadle", "worker", "workers_app", env=env("json"))
    handle = client.enqueue("echo", {"payload": 1}, queue="json")
    handle.result(20)
    line = json.loads(until(lambda: worker.text.strip()).splitlines()[0])
    assert (line["task"], line["type"], line["outcome"], line["attempt"]) == (
        handle.id,
        "echo",
        "completed",
        1,
    )


def test_quiet_writes_no_lines(server, client, program):
    worker = program(server.url, *WORKER, env=env("quiet"))
    client.enqueue("echo", {"payload": 1}, queue="quiet").result(20)
    worker.signal(signal.SIGINT)
    assert (worker.wait(), worker.text) == (0, "")


def test_a_changed_file_starts_the_worker_again(server, client, program, tmp_path):
    source = tmp_path / "changing.py"
    text = (
        "import treadle\napp = treadle.Treadle(queues=['reload'])\n\n"
        "@app.task\ndef says():\n    return {!r}\n"
    )
    source.write_text(text.format("old"))
    each = program(
        server.url,
        "-c",
        f"import os, sys; os.chdir({str(tmp_path)!r}); sys.argv = ['x', 'worker', 'changing:app', "
        "'--reload']; from treadle.cli import main; main()",
    )
    assert client.enqueue("says", queue="reload").result(30) == "old"
    source.write_text(text.format("newer"))
    assert until(
        lambda: client.enqueue("says", queue="reload").result(30), lambda word: word == "newer"
    )
    each.signal()
    assert each.wait() == 0, each.text
