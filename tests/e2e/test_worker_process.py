"""Worker processes: what they do when they are killed, stopped, or run as the first process of a container."""

import os
import pty
import re
import signal
import subprocess

import pytest

from treadle import BINARY, run, until


def start(server, *words, before=(), **options):
    """Starts `treadle WORDS…` with its standard error in a pipe."""
    return subprocess.Popen([*before, BINARY, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "NO_COLOR": "1", "TREADLE_SERVER": server.url}, **options)


def end(process, status=None):
    """Waits for its end and returns what it printed."""
    said = process.communicate(timeout=30)[1]
    assert status is None or process.returncode == status, said
    return said


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def pids(path, count):
    """The process IDs that programs wrote to the file, once there are `count`."""
    return until(lambda: [int(each) for each in path.read_text().split()] if path.exists() else [],
                 lambda found: len(found) == count)


def test_programs_die_with_a_worker_that_is_killed_and_so_do_their_children(server, tmp_path):
    began = tmp_path / "began"
    id = server.enqueue("t")
    worker = start(server, "worker", "exec", "t", "--", "/bin/sh", "-c",
                   f"sleep 600 & echo $! >> {began}; echo $$ >> {began}; wait")
    programs = pids(began, 2)
    ps = ["ps", "-o", "pid=,args=", "--ppid", str(worker.pid)]
    children = until(lambda: subprocess.run(ps, capture_output=True, text=True).stdout,  # the guard takes its name when it runs
                     lambda shown: "treadle-guard" in shown and "worker exec" not in shown)
    worker.kill()
    end(worker)
    for pid in programs:
        until(lambda: not is_alive(pid))
    guard = int(next(line for line in children.splitlines() if "treadle-guard" in line).split()[0])
    until(lambda: not is_alive(guard))
    assert server.task(id)["state"] == "running"


def test_a_worker_whose_guard_has_died_still_runs_programs(server):
    worker = start(server, "worker", "exec", "t", "--", "cat")
    guard = int(until(lambda: subprocess.run(["pgrep", "-P", str(worker.pid), "-x", "treadle-guard"], capture_output=True, text=True).stdout))
    os.kill(guard, signal.SIGKILL)
    id = server.enqueue("t", payload=7)
    assert server.task(id, wait="30s")["state"] == "completed"
    worker.terminate()
    end(worker, 0)


def test_a_script_that_calls_a_missing_command_fails_its_attempt_and_the_worker_continues(server):
    bad = server.enqueue("t", payload="bad", max_attempts=1)
    good = server.enqueue("t", payload="good")
    worker = start(server, "worker", "exec", "t", "-c", "1", "--", "/bin/sh", "-c", "grep -q good || no-such-command")
    assert until(lambda: server.task(good, wait="5s"), lambda task: task["state"] == "completed")
    task = server.task(bad)
    assert (task["state"], task["error"]["code"]) == ("dead", "exit_127")
    assert "no-such-command" in task["error"]["message"]
    worker.terminate()
    end(worker, 0)


def policy(server, backoff_ms):
    answer = server.call("PUT", "/v1/queues/default",
                         {"retry": {"backoff": "fixed", "jitter": "none", "backoff_base_ms": backoff_ms}})
    assert answer.status == 200, answer


def ended(server, id):
    return until(lambda: server.task(id, wait="5s"), lambda task: task["state"] in ("completed", "dead"))


def test_one_line_says_how_a_task_ended_and_what_follows(server):
    policy(server, 222)
    bad = server.enqueue("t", payload="bad", max_attempts=2)
    good = server.enqueue("t", payload="good")
    secret = server.enqueue("t", payload="bad", max_attempts=1, sensitive=True)
    worker = start(server, "worker", "exec", "t", "--", "/bin/sh", "-c", "grep -q good || { echo no such customer >&2; exit 1; }")
    assert [ended(server, id)["state"] for id in (bad, good, secret)] == ["dead", "completed", "dead"]
    worker.terminate()
    said = end(worker, 0)
    of = {id: [line for line in said.splitlines() if line.startswith(f"{id} ")] for id in (bad, good, secret)}
    assert of[bad] == [f"{bad} t failed (exit 1), attempt 1 of 2, retrying in 222 ms",
                       f"{bad} t failed (exit 1), attempt 2 of 2, dead"]
    assert len(of[good]) == 1 and re.fullmatch(rf"{good} t completed in [\d.]+ m?s", of[good][0])
    assert of[secret] == [f"{secret} t failed, attempt 1 of 1, dead"]


def test_a_quiet_worker_writes_no_line_about_its_tasks(server):
    policy(server, 0)
    id = server.enqueue("t", max_attempts=2)
    worker = start(server, "worker", "exec", "t", "-q", "--", "/bin/sh", "-c", "exit 1")
    assert ended(server, id)["state"] == "dead"
    worker.terminate()
    assert id not in end(worker, 0)


def test_a_missing_program_is_named_before_a_task_is_leased(server, tmp_path):
    id = server.enqueue("np")
    script, folder = tmp_path / "script", tmp_path / "folder"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    folder.mkdir()
    plain = tmp_path / "plain"
    plain.write_text("x")
    for program, why in [("nosuchprog", "there is no such program in PATH"), (str(script), "/no/such/interpreter"),
                         (str(folder), "directory"), (str(plain), "chmod +x")]:
        result = run("worker", "exec", "np", "--", program, env={"TREADLE_SERVER": server.url}, expect=1)
        assert f"cannot run {program}: " in result.stderr and why in result.stderr
        explained = server.get(f"/v1/tasks/{id}/explain").json
        assert explained["reason"] == "no_worker" and f"ago: cannot run {program}: " in explained["summary"] and why in explained["summary"]
    # It does not even need a server to report that.
    run("worker", "exec", "np", "--", "nosuchprog", env={"TREADLE_SERVER": "http://127.0.0.1:1"}, expect=1)
    assert server.get(f"/v1/tasks/{id}/attempts").json["attempts"] == []


def test_a_program_that_vanishes_stops_the_worker_and_spends_nothing(server, tmp_path):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nrm $0\n")
    program.chmod(0o755)
    worker = start(server, "worker", "exec", "t", "-c", "1", "--", str(program))
    first = server.enqueue("t")
    assert until(lambda: server.task(first, wait="5s"), lambda task: task["state"] == "completed")
    second = server.enqueue("t")
    assert f"cannot run {program}: No such file or directory" in end(worker, 1)
    assert server.task(second)["attempt"] == 0
    summary = server.get(f"/v1/tasks/{second}/explain").json["summary"]
    assert f"s ago: cannot run {program}: No such file or directory." in summary


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_stopped_worker_says_what_it_waits_for_and_finishes_it(server, tmp_path, number):
    gate, began = tmp_path / "gate", tmp_path / "began"
    id = server.enqueue("t")
    worker = start(server, "worker", "exec", "t", "--", "/bin/sh", "-c",
                   f"touch {began}; until test -e {gate}; do sleep 0.05; done")
    until(began.exists)
    worker.send_signal(number)
    said = ""
    while "waiting" not in said:
        line = worker.stderr.readline()
        assert line, said
        said += line
    assert f"waiting up to 25 s for 1 running task ({id}); a second signal cancels it" in said
    gate.touch()
    end(worker, 0)
    assert server.task(id)["state"] == "completed"


def test_a_second_signal_stops_programs_and_returns_their_tasks_unspent(server, tmp_path):
    began = tmp_path / "began"
    id = server.enqueue("t")
    worker = start(server, "worker", "exec", "t", "--", "/bin/sh", "-c", f"touch {began}; exec sleep 600")
    until(began.exists)
    worker.terminate()
    while "waiting" not in worker.stderr.readline():
        pass
    worker.terminate()
    assert f"cancelling 1 running task ({id}), which may take up to 7 s to end" in end(worker, 0)
    assert (server.task(id)["state"], server.task(id)["attempt"]) == ("ready", 0)


def test_a_worker_under_nohup_outlives_its_terminal(server):
    worker = start(server, "worker", "exec", "t", "--", "cat", before=["nohup"])
    id = server.enqueue("t")
    until(lambda: server.task(id, wait="5s"), lambda task: task["state"] == "completed")
    worker.send_signal(signal.SIGHUP)
    id = server.enqueue("t")
    assert until(lambda: server.task(id, wait="5s"), lambda task: task["state"] == "completed")
    worker.terminate()
    end(worker, 0)


class OnTerminal:
    """A command with a controlling terminal that the test can close."""

    def __init__(self, *words, env=None):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execve(BINARY, [BINARY, *words], {**os.environ, "TERM": "xterm", "NO_COLOR": "1", **(env or {})})
        self.said = b""

    def read_until(self, text):
        while text not in self.said:
            self.said += os.read(self.terminal, 4096)
        return self.said.decode()

    def read_to_end(self):
        try:
            while piece := os.read(self.terminal, 4096):
                self.said += piece
        except OSError:  # the other side is closed
            pass
        os.waitpid(self.pid, 0)
        return self.said.decode()

    def close(self):
        """Closes the terminal and returns the command's exit status."""
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.mark.parametrize("command", ["start", "server"])
def test_closing_its_terminal_stops_a_server_in_an_orderly_way(tmp_path, command):
    server = OnTerminal(command, "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0", "--log-level", "info")
    server.read_until(b"eady at http")
    assert server.close() == 0
    assert run("data", "check", str(tmp_path / "data")).returncode == 0


def test_sighup_reloads_a_server_whose_terminal_is_still_there(tmp_path):
    server = OnTerminal("server", "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0")
    server.read_until(b"ready at http")
    os.kill(server.pid, signal.SIGHUP)
    server.read_until(b"reloaded the configuration")
    assert server.close() == 0


def test_start_also_stops_at_sighup_without_a_terminal(tmp_path):
    with subprocess.Popen([BINARY, "start", "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0", "--log-level", "info"],
                          stderr=subprocess.PIPE, text=True, start_new_session=True) as server:
        while "Ctrl-C stops" not in server.stderr.readline():
            pass
        server.send_signal(signal.SIGHUP)
        said = server.communicate(timeout=30)[1]
    assert server.returncode == 0 and "stopping (SIGHUP)" in said


def test_demo_stops_its_server_and_worker_when_its_terminal_is_closed(tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files/one").write_text("1")
    demo = OnTerminal("demo", str(tmp_path / "files"), "--serve", "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0")
    demo.read_until(b"Ctrl-C stops it")
    children = subprocess.run(["pgrep", "-P", str(demo.pid)], capture_output=True, text=True).stdout.split()
    assert len(children) == 2
    assert demo.close() == 0
    assert not any(is_alive(child) for child in children)


def test_program_output_reaches_a_terminal_as_text(server):
    script = r"printf '\033]0;owned\007 \302\233 exe.\342\200\256cod\n' >&2"
    for flags, shown in [((), "\\x1b]0;owned\\x07 \\xc2\\x9b exe.\\u202ecod"), (("--raw",), "\x1b]0;owned\x07 \x9b exe.\u202ecod")]:
        id = server.enqueue("t")
        worker = OnTerminal("worker", "exec", "t", *flags, "--", "/bin/sh", "-c", script, env={"TREADLE_SERVER": server.url})
        assert until(lambda: server.task(id, wait="5s"), lambda task: task["state"] == "completed")
        os.kill(worker.pid, signal.SIGTERM)
        assert shown in worker.read_to_end()
        log = OnTerminal("task", "log", id, *flags, env={"TREADLE_SERVER": server.url})
        assert shown in log.read_to_end()


def can_unshare():
    return subprocess.run(["unshare", "-Urpf", "--mount-proc", "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not can_unshare(), reason="needs namespaces of processes")
def test_as_process_1_a_server_leaves_no_zombies_and_ends_in_order(tmp_path, start_server):
    server = start_server(tmp_path / "data", command=["unshare", "-Urpf", "--mount-proc"])
    inside = subprocess.run(["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True).stdout.strip()
    subprocess.run(["nsenter", "-t", inside, "-U", "-p", "-m", "--preserve-credentials",
                    "sh", "-c", "(sleep 0.05 &) ; exit 0"], check=True)
    children = lambda: subprocess.run(["pgrep", "-P", inside], capture_output=True, text=True).stdout  # noqa: E731
    until(children, lambda left: left == "")
    os.kill(int(inside), signal.SIGTERM)
    until(lambda: server.log, lambda log: "stopped" in log)


@pytest.mark.skipif(not can_unshare(), reason="needs namespaces of processes")
def test_as_process_1_a_worker_leaves_no_zombies_and_passes_signals_on(server, tmp_path):
    began = tmp_path / "began"
    worker = start(server, "worker", "exec", "t", "--", "/bin/sh", "-c", f"echo >> {began}; (sleep 0.01 &) ; exit 0",
                   before=["unshare", "-Urpf", "--mount-proc"])
    ids = [server.enqueue("t") for _ in range(20)]
    for id in ids:
        until(lambda: server.task(id, wait="5s"), lambda task: task["state"] == "completed")
    inside = int(subprocess.run(["pgrep", "-P", str(worker.pid)], capture_output=True, text=True).stdout)

    def below(pid):
        found = subprocess.run(["ps", "-o", "pid=,stat=,comm=", "--ppid", str(pid)], capture_output=True, text=True).stdout
        lines = [line.split() for line in found.splitlines()]
        return lines + [each for line in lines for each in below(line[0])]

    # Only the worker itself and its guard are left.
    left = until(lambda: below(inside), lambda lines: len(lines) == 2)
    assert not any(each[1].startswith("Z") for each in left)
    os.kill(inside, signal.SIGTERM)
    end(worker, 0)
