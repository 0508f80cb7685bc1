"""The reference pages are what the program and the contract say, the quick start works, the tutorial shows real programs, and
links lead somewhere."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap

import pytest
import yaml
from treadle import BINARY, ROOT, run

sys.path.insert(0, str(ROOT / "scripts"))
import api_reference  # noqa: E402
import messages  # noqa: E402


@pytest.mark.parametrize("page", ["cli", "config"])
def test_the_reference_is_up_to_date(page):
    kept = (ROOT / f"docs/reference/{page}.md").read_text()
    assert kept == run("docs", page).stdout, "the program has changed; run ./dev docs"


def test_the_page_of_the_api_is_up_to_date():
    script = [sys.executable, ROOT / "scripts/api_reference.py", ROOT / "docs/openapi.yaml"]
    page = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    assert (ROOT / "docs/reference/api.md").read_text() == page, "the contract has changed; run ./dev docs"


def test_the_page_of_messages_is_up_to_date():
    assert (ROOT / "docs/reference/messages.md").read_text() == messages.page(ROOT), "a message has changed; run ./dev docs"


@pytest.mark.parametrize("source, found", [
    ('Status(Code::kAborted, "queue " + name + " is full; " "wait")', ["queue … is full; wait"]),
    ('fmt::format("{} of {:.1f} tasks", a, b)', ["… of … tasks"]),
    ('"it has " + (n == 1 ? "one task" : "many tasks") + " left"', ["it has [one task|many tasks] left"]),
    ('Say("a failed " + Name("of a task"))', ["a failed …", "of a task"]),
    ('// "not a message"\n#define X "nor is this"\nF("queue_name", "SELECT a FROM b", R"(a raw text)")', ["a raw text"]),
])
def test_messages_are_found_in_the_source(source, found):
    assert messages.messages_of(source) == found


def test_each_call_and_each_schema_of_the_contract_has_a_section():
    contract = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())
    headings = re.findall(r"^### (.+)$", (ROOT / "docs/reference/api.md").read_text(), re.M)
    calls = [f"{method.upper()} {path}" for path, item in contract["paths"].items() for method in item if method in api_reference.METHODS]
    assert sorted(headings) == sorted([*calls, *contract["components"]["schemas"]])


def test_the_page_of_the_api_tells_bounds_nested_fields_and_codes():
    problem = {"type": "object", "properties": {"code": {"enum": ["NOT_FOUND", "ABORTED"]}}}
    move = {"type": "object", "required": ["to"], "properties": {
        "to": {"type": "object", "description": "Where | to.", "properties": {"queue": {"type": ["string", "null"], "maxLength": 9}}},
        "ids": {"type": "array", "maxItems": 3, "items": {"oneOf": [{"type": "integer", "minimum": 1}, {"const": "all"}]}},
        "soon": {"type": "boolean", "default": False}}}
    missing = {"description": "There is none. `NOT_FOUND`.", "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    call = {"summary": "Move it", "deprecated": True, "security": [{}], "requestBody": {"content": {"application/json": {"schema": move, "example": {"soon": True}}}},
            "responses": {404: {"$ref": "#/components/responses/Missing"}, "204": {"description": "Done."}}}
    path = {"parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "maximum": 7}}], "post": call}
    page = api_reference.Page({"info": {"version": "v9"}, "paths": {"/x/{id}": path},
                               "components": {"schemas": {"Problem": problem}, "responses": {"Missing": missing}}}).write()
    lines = page.splitlines()
    for line in ["| [POST /x/{id}](#post-xid) | Move it |", "## Calls: other", "*Deprecated.*", "Needs no token.",
                 "| `id` | path | integer, at most 7 | yes |", "**Body**: object as `application/json`, or none.",
                 "| `to` | object | yes |  | Where \\| to. |", "| `to.queue` | string, at most 9 characters or null |  |  |  |",
                 "| `ids` | array of integer, at least 1 or `all`, at most 3 of them |  |  |  |", "| `soon` | boolean |  | `false` |  |",
                 '{"soon": true}', "| 404 | [Problem](#problem) as `application/problem+json` | `NOT_FOUND` | There is none. |",
                 "| 204 |  |  | Done. |"]:
        assert line in lines, line


def test_each_command_has_a_manual_page(tmp_path):
    run("docs", "man", str(tmp_path))
    page = (tmp_path / "treadle-task-list.1").read_text()
    assert page.startswith(".TH treadle\\-task\\-list 1\n")
    assert "\\-\\-state" in page
    sections = {line.replace(" ", "-") for line in (ROOT / "docs/reference/cli.md").read_text().split("\n")}
    for each in tmp_path.iterdir():
        assert each.stem == "treadle" or f"##-{each.stem}" in sections


def test_the_quick_start_works_as_it_is_written(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "docs/quickstart.md").read_text(), re.M | re.S)
    ready = "treadle start &\nuntil treadle info > ready 2>&1; do kill -0 $!; done\n"  # a person is slower than a server
    killed = "kill -9 $!\nwait $! || true\n"  # and slower than its end, too
    listed = "until treadle task list | grep -q '^1-3 '; do :; done\ntreadle task list\n"  # and slower than the store
    script = "".join(blocks).replace("treadle task list\n", listed).replace("treadle start &\n", ready).replace("kill -9 $!\n", killed).replace("localhost:7373", listen)
    assert (script.count(ready), script.count(listed)) == (2, 1)
    environment = dict(os.environ, PATH=f"{os.path.dirname(os.path.abspath(BINARY))}:{os.environ['PATH']}", HOME=str(tmp_path),
                       TREADLE_SERVER=f"http://{listen}", TREADLE_SERVER__LISTEN=listen)
    bash = subprocess.Popen(["bash", "-e"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            cwd=tmp_path, env=environment, start_new_session=True)
    try:
        out, err = bash.communicate(script, timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):  # what a failure left behind
            os.killpg(bash.pid, signal.SIGKILL)
    assert bash.returncode == 0, err
    assert len(re.findall(r"^1-[123] +hello +default +ready +0/20 ", out, re.M)) == 3, out
    assert out.count('{"NAME":"ADA"}') == 2, out  # by `task result`, and by `task get`


def region(path, name):
    """The lines of an example between `// [name]` and `// [name end]`."""
    lines = (ROOT / path).read_text().splitlines()
    marks = [line.strip() for line in lines]
    return textwrap.dedent("\n".join(lines[marks.index(f"// [{name}]") + 1:marks.index(f"// [{name} end]")]) + "\n")


def test_the_tutorial_shows_the_examples_as_they_are():
    blocks = re.findall(r"^```cpp ?(.*)\n((?:.*\n)*?)```$", (ROOT / "docs/tutorial.md").read_text(), re.M)
    assert len(blocks) > 5
    for place, code in blocks:
        path, name = place.split()
        assert code == region(path, name), f"{path} has changed; copy the lines between [{name}] and [{name} end]"
    marked = {f"{path.relative_to(ROOT)} {name}" for path in (ROOT / "examples").rglob("*.*")
              for name in re.findall(r"^ *// \[([\w-]+)\]$", path.read_text(), re.M)}
    assert marked == {place for place, _ in blocks}


def anchors(page):
    """Of the headings of a Markdown page, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert len(pages) > 10
    broken = []
    for page in pages:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            if re.match(r"https?:", target):
                continue
            path, _, anchor = target.partition("#")
            there = (page.parent / path).resolve() if path else page
            if not there.exists() or (anchor and anchor not in anchors(there)):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken


def test_every_page_is_reached_from_the_index():
    index = (ROOT / "docs/README.md").read_text()
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")} - {"README.md"}
    assert {page for page in pages if f"({page})" not in index} == set()


def unknown_tests(named):
    """Of names of tests, those that no source has."""
    sources = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("tests/**/*.cc"), *ROOT.glob("src/**/*_test.cc"), *ROOT.glob("sim/*_test.cc"),
               *ROOT.glob("sim/canaries.cc"), *ROOT.glob("tests/**/CMakeLists.txt")]
    known = "\n".join(source.read_text() for source in sources)
    return {name for name in named if not re.search(rf"def {name}\(|, {name}\) {{|\"{name}\"|\({name}\b", known)}


def test_every_test_and_canary_that_a_promise_names_exists():
    text = (ROOT / "docs/reliability.md").read_text()
    table = text[text.index("## Promises"):text.index("## What it does not")]
    named = {name for row in table.splitlines() if row.startswith("|") for name in re.findall(r"`(\w{10,})`", row)}
    assert len(named) > 30
    assert unknown_tests(named) == set()


def test_every_test_that_the_semantics_name_exists():
    text = (ROOT / "docs/semantics.md").read_text()
    named = {name for block in re.findall(r"^Held by: (.*?)(?:\n\n|\Z)", text, re.M | re.S) for name in re.findall(r"`(\w+)`", block)}
    assert len(named) > 40
    assert unknown_tests(named) == set()
    sections = re.findall(r"^## (.+)$", text, re.M)
    assert len(sections) == text.count("Held by: "), "each section says which tests hold it"
