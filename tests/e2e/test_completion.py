"""Completion in a real bash: what TAB offers."""

import subprocess
from pathlib import Path

import pytest
from treadle import BINARY

OFFER = r"""
source <("$0" completion bash)
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_treadle
printf '%s\n' "${COMPREPLY[@]}"
"""


def offers(*words, cwd=None):
    """What bash offers for the last of the words."""
    result = subprocess.run(["bash", "--norc", "-c", OFFER, Path(BINARY).resolve(), "treadle", *words], capture_output=True, text=True,
                            timeout=30, check=True, cwd=cwd)
    assert result.stderr == ""
    return result.stdout.split()


def test_commands_are_offered_by_their_beginning():
    assert offers("ta") == ["task"]
    assert offers("task", "")[:1] == ["enqueue"]
    assert offers("task", "li") == ["list"]
    assert "docs" not in offers("")


def test_flags_of_the_command_and_those_of_every_command_are_offered():
    assert offers("task", "list", "--sta") == ["--state"]
    assert offers("task", "list", "--out") == ["--output"]
    assert offers("server", "--checkpoint-") == ["--checkpoint-after", "--checkpoint-interval"]


@pytest.mark.parametrize("words", [["server", "--durability", ""], ["server", "--durability", "="],
                                   ["--server", "task", "server", "--durability", "=", ""]])
def test_choices_are_offered_behind_their_flag(words):
    assert offers(*words) == ["fsync", "interval"]


def test_files_are_offered_where_a_file_is_meant(tmp_path):
    (tmp_path / "treadle.toml").touch()
    (tmp_path / "data").mkdir()
    assert sorted(offers("server", "--config", "", cwd=tmp_path)) == ["data", "treadle.toml"]
    assert offers("server", "--data", "", cwd=tmp_path) == ["data"]
    assert offers("server", "--listen", "", cwd=tmp_path) == []


def test_behind_two_dashes_stands_another_program(tmp_path):
    (tmp_path / "worker.sh").touch()
    assert "worker.sh" in offers("worker", "exec", "hello", "--", "work", cwd=tmp_path)
