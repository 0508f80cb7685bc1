"""The programs that docs/coming-from/ shows: those for Treadle run against the real server, and print what the pages say.
Their originals run against the servers of their own in by_hand.py."""

import re

import ports
import pytest
from programs import ROOT

PAGES = sorted((ROOT / "docs/coming-from").glob("*.md"))


def test_celery_after(server, tmp_path):
    check(ports.in_python("celery"), server, tmp_path)


def test_sqs_after(server, tmp_path):
    check(ports.in_python("sqs", "--queues", "orders", results=False), server, tmp_path)


def test_bullmq_after(server, tmp_path, typescript_sdk):
    check(ports.in_javascript("bullmq", tmp_path / "project", typescript_sdk), server, tmp_path)


def test_faktory_after(server, tmp_path, typescript_sdk):
    check(ports.in_javascript("faktory", tmp_path / "project", typescript_sdk, results=False), server, tmp_path)


def test_river_after(server, tmp_path):
    check(ports.in_go("river", tmp_path / "orders"), server, tmp_path)


def check(port, server, tmp_path):
    assert port.run(tmp_path, TREADLE_SERVER=server.url) == ports.LINES
    newest_first = server.get("/v1/tasks").json["tasks"]
    assert [(task["state"], task["attempt"]) for task in newest_first] == [("completed", 1), ("completed", 2)]
    history = server.get(f"/v1/tasks/{newest_first[1]['id']}/attempts").json["attempts"]
    assert [attempt["outcome"] for attempt in history] == ["failed", "completed"]
