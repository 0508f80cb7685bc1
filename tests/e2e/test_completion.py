"""Completion in real shells: what TAB offers. zsh runs the script without its line editor and prints the offers."""

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from treadle import BINARY, until

BASH = r"""
source <(treadle completion bash)
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*"
_treadle
printf '%s\n' "${COMPREPLY[@]}"
"""
ZSH = r"""
compdef() { : }
compadd() { if [[ $1 == -a ]]; then print -l -- ${(P)2}; else shift; print -l -- $@; fi }
_describe() { [[ $1 == -o ]] && shift; local item; for item in ${(P)2}; do print -r -- ${item%%:*}; done }
_files() { [[ $1 == -/ ]] && print -l -- *(N/) || print -l -- *(N) }
_message() { : }
_normal() { print -l -- *(N) }
source <(treadle completion zsh)
words=("$@") CURRENT=$#
_treadle
"""
FISH = r"""
treadle completion fish | source
complete -C "$argv"
"""


@pytest.fixture(params=["bash", "zsh", "fish"])
def offers(request, tmp_path):
    """What the shell offers for the last word, sorted."""
    shell = request.param
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    command = {"bash": ["bash", "--norc", "-c", BASH, "-"], "zsh": ["zsh", "-f", "-c", ZSH, "-"],
               "fish": ["fish", "--no-config", "-c", FISH, "--"]}[shell]

    def ask(*words, cwd=None, **env):
        clean = {key: value for key, value in os.environ.items() if not key.startswith("TREADLE")}
        path = f"{Path(BINARY).resolve().parent}:{os.environ['PATH']}"
        result = subprocess.run([*command, "treadle", *words], capture_output=True, text=True, timeout=30, check=False, cwd=cwd,
                                env={**clean, "PATH": path, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), **env})
        assert result.stderr == ""
        found = {line.split("\t")[0] for line in result.stdout.splitlines()} - {""}
        # zsh leaves it to compadd to select the offers that begin with the word.
        return sorted(each for each in found if each.startswith(words[-1].removeprefix("=")))

    ask.shell = shell
    return ask


def test_commands_are_offered_by_prefix(offers):
    assert offers("ta") == ["task"]
    assert "enqueue" in offers("task", "")
    assert offers("task", "li") == ["list"]
    assert "docs" not in offers("") and "__complete" not in offers("")


def test_flags_of_the_command_and_those_of_every_command_are_offered(offers):
    assert offers("task", "list", "--sta") == ["--state"]
    assert offers("task", "list", "--out") == ["--output"]
    assert offers("server", "--checkpoint-") == ["--checkpoint-after", "--checkpoint-interval"]


def test_choices_are_offered_after_their_flag(offers):
    assert offers("server", "--durability", "") == ["fsync", "interval"]
    if offers.shell == "bash":  # which splits words at =
        assert offers("server", "--durability", "=") == ["fsync", "interval"]
        assert offers("--server", "task", "server", "--durability", "=", "") == ["fsync", "interval"]


def test_the_values_of_an_argument_are_offered(offers):
    assert offers("bench", "--serve", "dr") == ["drain"]
    assert offers("bench", "drain", "rec") == ["recovery"]


def test_files_are_offered_where_a_file_is_meant(offers, tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here/treadle.toml").touch()
    (tmp_path / "here/data").mkdir()
    assert [each.rstrip("/") for each in offers("server", "--config", "", cwd=tmp_path / "here")] == ["data", "treadle.toml"]
    assert [each.rstrip("/") for each in offers("server", "--data", "", cwd=tmp_path / "here")] == ["data"]
    assert offers("server", "--listen", "", cwd=tmp_path / "here") == []


def test_another_program_is_completed_after_two_dashes(offers, tmp_path):
    if offers.shell == "fish":
        pytest.skip("fish completes files there anyway")
    (tmp_path / "worker.sh").touch()
    assert "worker.sh" in offers("worker", "exec", "hello", "--", "work", cwd=tmp_path)


def in_time(offers, *words, names, **env):
    """Completion drops an answer that comes too late, which may happen on a busy machine, so this asks again."""
    until(lambda: offers(*words, **env), lambda found: found == names)


def test_names_of_queues_come_from_the_server(offers, server):
    server.enqueue(queue="mails")
    server.enqueue(queue="images")
    in_time(offers, "task", "list", "--queue", "", names=["images", "mails"], TREADLE_SERVER=server.url)
    in_time(offers, "worker", "exec", "hello", "--queue", "im", names=["images"], TREADLE_SERVER=server.url)
    in_time(offers, "queue", "get", "m", names=["mails"], TREADLE_SERVER=server.url)
    in_time(offers, "queue", "get", "--server", server.url, "m", names=["mails"])
    assert offers("queue", "list", "m", TREADLE_SERVER=server.url) == []


def test_names_of_contexts_are_offered(offers, server, tmp_path):
    folder = tmp_path / "config/treadle"
    folder.mkdir(parents=True)
    (folder / "contexts.toml").write_text(f'[contexts.prod]\nserver = "{server.url}"\n[contexts.test]\nserver = "http://127.0.0.1:9"\n')
    assert offers("task", "list", "--context", "") == ["prod", "test"]
    assert offers("context", "use", "p") == ["prod"]
    assert offers("context", "add", "p") == []
    server.enqueue(queue="mails")
    in_time(offers, "queue", "get", "--context", "prod", "m", names=["mails"])
    assert offers("queue", "get", "--context", "test", "m") == []


def test_a_server_that_does_not_answer_does_not_block_completion(offers):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        begun = time.monotonic()
        assert offers("task", "list", "--queue", "", TREADLE_SERVER=f"http://127.0.0.1:{silent.getsockname()[1]}") == []
        assert time.monotonic() - begun < 5
    assert offers("task", "list", "--queue", "", TREADLE_SERVER="nonsense://") == []


def test_a_server_cannot_make_the_shell_run_its_names(tmp_path, server):
    """Queue names are plain, but a foreign server could return anything."""
    server.enqueue()
    queue = server.get("/v1/queues").json["queues"][0]
    body = json.dumps({"queues": [{**queue, "name": name} for name in ("$(touch evil)", "-x", "a b", "fine", "")]}).encode()
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        process = subprocess.Popen([BINARY, "__complete", "queues", "--server", f"http://127.0.0.1:{foreign.getsockname()[1]}"],
                                   stdout=subprocess.PIPE, text=True, cwd=tmp_path)
        connection, _ = foreign.accept()
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        assert process.communicate(timeout=30)[0] == "fine\n"
        connection.close()
    assert process.returncode == 0
