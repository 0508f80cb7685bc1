"""The programs that docs/coming-from/ shows: those for Treadle run against the real server, and print what the pages say.
Their originals run against the servers of their own in by_hand.py."""

import subprocess
import sys

import ports
from programs import ROOT

PAGES = sorted((ROOT / "docs/coming-from").glob("*.md"))
FILL = ROOT / "scripts/fill_programs.py"


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


# --- The pages.


def fill_programs(*words):
    return subprocess.run([sys.executable, "-B", FILL, *words], capture_output=True, text=True, check=False)


def test_pages_show_the_programs_as_they_are():
    checked = fill_programs("--check")
    assert checked.returncode == 0, checked.stdout


def test_a_program_that_someone_typed_is_found_and_replaced(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n\n```python examples/coming-from/celery/after.py\nprint()\n```\n\nb\n")
    checked = fill_programs("--check", page)
    assert checked.returncode == 1 and checked.stdout.startswith(f"{page}:3: examples/coming-from/celery/after.py")
    assert fill_programs(page).returncode == 0
    program = (ROOT / "examples/coming-from/celery/after.py").read_text()
    assert page.read_text() == f"a\n\n```python examples/coming-from/celery/after.py\n{program}```\n\nb\n"


def test_each_page_shows_both_sides_of_its_program():
    for page in PAGES:
        shown = [side for side in ("before", "after") if f" examples/coming-from/{page.stem}/{side}" in page.read_text()]
        assert shown == ["before", "after"], page.name
