"""One line for each task that ended."""

import json

import pytest

from treadle.worker.lines import TaskLines, human_line, json_line, short_time, what_follows
from treadle.worker.report import Ending


def ending(outcome="failed", **more):
    fields = {
        "id": "1-6",
        "type": "resize",
        "outcome": outcome,
        "seconds": 0.031,
        "attempt": 1,
        "max_attempts": 20,
        **more,
    }
    return Ending(**fields)


@pytest.mark.parametrize(
    "seconds,text",
    [
        (0.031, "31 ms"),
        (0.9999, "999 ms"),
        (1, "1 s"),
        (4.25, "4.2 s"),
        (185, "3 min 5 s"),
        (7500, "2 h 5 min"),
        (97200, "1 d 3 h"),
        (3600, "1 h"),
        (0, "0 ms"),
    ],
)
def test_times_are_short(seconds, text):
    assert short_time(seconds) == text


@pytest.mark.parametrize(
    "each,answer,line",
    [
        (ending("completed"), {}, "1-6 resize completed in 31 ms"),
        (
            ending(code="KeyError", message="'name'"),
            {"state": "retrying", "retry_in_ms": 222},
            "1-6 resize failed (KeyError: 'name'), attempt 1 of 20, retrying in 222 ms",
        ),
        (ending(code="x"), {"state": "dead"}, "1-6 resize failed (x), attempt 1 of 20, dead"),
        (ending(), {"state": "cancelled"}, "1-6 resize failed, attempt 1 of 20, cancelled"),
        (ending("snoozed", delay=90.0), {}, "1-6 resize snoozed for 1 min 30 s"),
        (ending("discarded", code="discarded"), {}, "1-6 resize discarded"),
        (
            ending("released"),
            {},
            "1-6 resize was stopped after 31 ms and returned without counting the attempt",
        ),
        (
            ending(code="E", message="first\nlast line\n\n"),
            {},
            "1-6 resize failed (E: last line), attempt 1 of 20",
        ),
        (
            ending(code="E", message="\x1b[31mred\u202e"),
            {},
            r"1-6 resize failed (E: \x1b[31mred\u202e), attempt 1 of 20",
        ),
    ],
)
def test_lines_for_people(each, answer, line):
    assert human_line(each, answer) == line


def test_long_messages_are_cut():
    assert "…" in human_line(ending(code="E", message="x" * 200), {})
    assert len(human_line(ending(code="E", message="x" * 200), {})) < 150


def test_only_known_words_follow():
    assert what_follows({"state": "\x1b[2J", "retry_in_ms": "soon"}) == ""


def test_lines_as_json():
    line = json.loads(
        json_line(ending(code="E", message="ä"), {"state": "retrying", "retry_in_ms": 5})
    )
    assert (line["task"], line["code"], line["error"], line["retry_in_ms"], line["ms"]) == (
        "1-6",
        "E",
        "ä",
        5,
        31,
    )
    assert line["time"].endswith("Z")


def test_all_lines_of_an_exchange_are_one_write():
    written = []
    lines = TaskLines(written.append, as_json=False)
    lines.ended([(ending("completed"), {}), (ending("completed"), {})])
    lines.say("hello")
    assert written == ["1-6 resize completed in 31 ms\n" * 2, "treadle worker: hello\n"]
