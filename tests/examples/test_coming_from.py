"""The programs that docs/coming-from/ shows: those for Treadle run against the real server, and print what the pages say.
Their originals run against the servers of their own in by_hand.py."""

import re
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
    newest_first = server.get("/v1/tasks").json["tasks"][:2]
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


# Where the names of a page's right column come from.
SOURCES = {
    "celery": ["sdk/python/treadle/**/*.py"],
    "sqs": ["sdk/python/treadle/**/*.py"],
    "bullmq": ["sdk/typescript/src/**/*.ts"],
    "faktory": ["sdk/typescript/src/**/*.ts"],
    "river": ["sdk/go/**/*.go"],
    "sidekiq": ["docs/openapi.yaml"],
}


def names_in_the_right_column(page):
    """The identifiers in code of the table of options, without texts in quotes."""
    section = page.read_text().partition("## Options\n")[2].partition("## What differs\n")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    code = [piece for row in rows for piece in re.findall(r"`([^`]+)`", row[-1])]
    assert len(code) > 10, page
    return {name for piece in code for name in re.findall(r"[A-Za-z]\w{2,}", re.sub(r'"[^"]*"', "", piece))}


def unknown_names(page):
    files = [path for pattern in [*SOURCES[page.stem], "docs/reference/*.md"] for path in ROOT.glob(pattern)]
    program = [path for path in (ROOT / "examples/coming-from" / page.stem).rglob("*.*") if "after" in str(path)]
    known = set(re.findall(r"\w+", "\n".join(path.read_text() for path in files + program)))
    return names_in_the_right_column(page) - known


def test_options_of_treadle_that_the_pages_name_exist():
    assert {page.stem for page in PAGES} == set(SOURCES)
    assert {page.stem: unknown_names(page) for page in PAGES if unknown_names(page)} == {}


def test_an_option_that_does_not_exist_is_found(tmp_path):
    page = tmp_path / "celery.md"
    text = (ROOT / "docs/coming-from/celery.md").read_text()
    page.write_text(text.replace("`never_retry=[E]`", "`dont_retry=[E]`"))
    assert unknown_names(page) == {"dont_retry"}
