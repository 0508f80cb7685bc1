"""The reference pages match the program and the contract, the commands of the front page and the quick start work,
the tutorial shows real programs, figures are measured, and links lead somewhere."""

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pages
import pytest
import yaml
from treadle import BINARY, ROOT, run

sys.path.insert(0, str(ROOT / "scripts"))
import recording  # noqa: E402
import api_reference  # noqa: E402
import messages  # noqa: E402


@pytest.mark.parametrize("page", ["cli", "config"])
def test_the_reference_is_up_to_date(page):
    kept = (ROOT / f"docs/reference/{page}.md").read_text()
    assert kept == run("docs", page).stdout, "the program has changed; run ./dev docs"


def test_what_pages_have_of_the_fields_of_policies_is_up_to_date():
    script = [sys.executable, ROOT / "scripts/fill_fields.py", "--check", "--treadle", BINARY]
    checked = subprocess.run(script, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, ""), checked


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


def test_the_api_page_lists_limits_nested_fields_and_codes():
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


def test_errors_that_every_call_can_return_are_listed_once():
    contract = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())
    text = (ROOT / "docs/reference/api.md").read_text()
    section = text[text.index("## Errors that every call can return"):text.index("## Calls: ")]
    assert [row.split("|")[1].strip() for row in section.splitlines() if re.match(r"\| \d", row)] == ["400", "401", "403", "413", "415", "503"]
    assert "every call, except [GET /livez](#get-livez), [GET /readyz](#get-readyz)" in section
    page = api_reference.Page(contract)
    for _, name, call in page.calls():  # nothing is lost: each error is in the section or with its call
        own = text[text.index(f"\n### {name}\n"):].split("\n### ", 2)[1]
        listed = set(re.findall(r"^\| (\d+) \|", own, re.M))
        common = {status for (status, reference), which in page.common().items()
                  if call["responses"].get(status, {}).get("$ref") == reference}
        assert listed | common == {str(status) for status in call["responses"]}, name
        assert not listed & common, name
        for (status, _), which in page.common().items():  # and the section names who returns it
            said = "requestBody" in call or f"[{name}]" in which if "with a body" in which else f"[{name}]" not in which
            assert said == (status in common), (name, status)


def test_each_command_has_a_manual_page(tmp_path):
    run("docs", "man", str(tmp_path))
    page = (tmp_path / "treadle-task-list.1").read_text()
    assert page.startswith(".TH treadle\\-task\\-list 1\n")
    assert "\\-\\-state" in page
    sections = {line.replace(" ", "-") for line in (ROOT / "docs/reference/cli.md").read_text().split("\n")}
    for each in tmp_path.iterdir():
        assert each.stem == "treadle" or f"##-{each.stem}" in sections


def test_the_quick_start_works_as_written(tmp_path):
    script = pages.commands("docs/quickstart.md")
    assert (script.count("treadle start &\n"), script.count("treadle task list\n"), script.count("kill -9 $!\n")) == (2, 1, 1)
    out = pages.type_in(script, tmp_path)
    assert len(re.findall(r"^1-[123] +hello +default +ready +0/20 ", out, re.M)) == 3, out
    assert out.count('{"NAME":"ADA"}') == 2, out  # one from `task result`, one from `task get`


def test_the_front_page_works_as_written(tmp_path):
    out = pages.type_in(pages.commands("README.md"), tmp_path)
    assert '{"NAME":"ADA"}' in out, out
    enqueued, leased, reported = [json.loads(line) for line in re.findall(r"\{\"(?:id|leases)\".*?\}(?=\{|$)", out, re.M)]
    assert enqueued["id"] == "1-2"
    assert [lease["token"] for lease in leased["leases"]] == ["1-2.1.1"]
    assert [report["code"] for report in reported["reports"]] == ["OK"]


def test_the_contracts_page_works_as_written(tmp_path):
    script = "treadle start &\n" + pages.commands("docs/contracts.md")
    last = script.rstrip().splitlines()[-1]
    out = pages.type_in(script.replace(last, f"! {last} 2> refused\ncat refused\n"), tmp_path)
    assert re.search(r"^1-1$", out, re.M), out
    [shown] = re.findall(r"^    \w+: (payload.*)$", (ROOT / "docs/contracts.md").read_text(), re.M)
    assert shown in out


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md", "docs/tutorial.md", "docs/sdk-cpp.md", "docs/contracts.md"])
def test_commands_are_only_in_blocks_that_are_run(page):
    """Commands that are indented or in a block of another language are never typed."""
    text = re.sub(r"^```sh\n.*?^```$", "", (ROOT / page).read_text(), flags=re.M | re.S)
    assert not re.findall(r"^(?: {4}|)(?:treadle (?!:|worker:)\w+|curl|\./dev|apt-get|cmake|docker|build/)\b.*$", text, re.M)


def test_the_libraries_that_a_copied_program_needs_are_those_that_it_loads():
    [line] = re.findall(r"^apt-get install (lib.*)$", (ROOT / "docs/operations.md").read_text(), re.M)
    dynamic = subprocess.run(["readelf", "-d", BINARY], text=True, capture_output=True, check=True).stdout
    loaded = [name for name in re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic)
              if not re.match(r"(libc|libm|libstdc\+\+|libgcc_s|ld-linux-.*|lib[atu]b?san)\.so", name)]
    owners = subprocess.run(["dpkg-query", "-S", *loaded], text=True, capture_output=True, check=True).stdout
    assert {owner.split(":")[0] for owner in owners.splitlines()} == set(line.split())


def test_every_line_that_is_not_run_is_on_some_page():
    pages_with_commands = ["README.md", "docs/quickstart.md", "docs/tutorial.md", "docs/sdk-cpp.md"]
    assert set().union(*(pages.not_run(page) for page in pages_with_commands)) == set(pages.NOT_RUN)


@pytest.mark.parametrize("page", ["README.md", "SECURITY.md", "docs/quickstart.md", "docs/tutorial.md", "docs/sdk-cpp.md",
                                  "docs/contracts.md", "docs/concepts.md",
                                  *(f"docs/coming-from/{page.name}" for page in (ROOT / "docs/coming-from").glob("*.md"))])
def test_commands_and_flags_within_sentences_exist(page):
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(), flags=re.M | re.S)
    for command in re.findall(r"`\./dev (\w+)", text):
        assert f"\ncmd_{command}() {{" in (ROOT / "dev").read_text(), f"{page}: ./dev {command}"
    for command in re.findall(r"`treadle ([^`\n]+)`", text):
        words = re.match(r"(?:[a-z][a-z-]*(?: |$))+", command + " ").group().split()
        depth = next(n for n in range(len(words), 0, -1) if n <= 2 or words[:2] == ["type", "contract"])
        helped = run(*words[:depth], "--help", expect=None)
        if helped.returncode != 0:  # the second word was an argument
            helped = run(words[0], "--help")
        for flag in re.findall(r"(?<= )--?[a-z][a-z-]*", command):
            assert flag in helped.stdout, f"{page}: treadle {command}"


# --- The concepts page.


def test_a_data_directory_contains_what_the_concepts_say(start_server, data_dir):
    text = (ROOT / "docs/concepts.md").read_text()
    tree = text[text.index("treadle-data/\n"):text.index("Never delete or edit")]
    shown = {name for line in re.findall(r"^[│ ]*[├└]── (.+?)(?:  +|$)", tree, re.M) for name in re.sub(r"\d+", "N", line).split(", ")}
    server = start_server(data_dir)
    server.enqueue()
    server.run("backup", "create")
    there = {re.sub(r"\d+", "N", path.name) + "/" * path.is_dir() for path in [*data_dir.iterdir(), *(data_dir / "journal").iterdir()]}
    assert shown == there


def test_a_server_has_the_threads_that_the_concepts_name(start_server, data_dir):
    text = (ROOT / "docs/concepts.md").read_text()
    named = set(re.findall(r"^\| `(\w+)` \| 1 \|", text, re.M))
    server = start_server(data_dir)
    threads = [comm.read_text().strip() for comm in Path(f"/proc/{server.process.pid}/task").glob("*/comm")]
    assert named == set(threads) - {"treadle", "jemalloc_bg_thd"}


def test_the_states_in_the_picture_are_those_of_the_contract():
    picture = re.search(r"stateDiagram-v2\n(.*?)```", (ROOT / "docs/concepts.md").read_text(), re.S).group(1)
    drawn = {state for arrow in re.findall(r"^ *(\S+) --> (\w+):", picture, re.M) for state in arrow} - {"[*]"}
    contract = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())
    assert drawn == set(contract["components"]["schemas"]["State"]["enum"])


# --- Pictures and figures.


def test_the_recording_of_the_front_page_matches_the_program():
    recorder = [sys.executable, "-B", ROOT / "scripts/recording.py", "--treadle", BINARY, "--check"]
    recorded = subprocess.run(recorder, capture_output=True, text=True, check=False, timeout=120)
    assert recorded.returncode == 0, recorded.stderr


def test_recordings_are_compared_without_dates_and_durations():
    kept = (ROOT / "docs/pictures/recording.svg").read_text()
    assert '{"NAME":"ADA"}' in recording.shown(kept) and "1-1 hello completed in DURATION" in recording.shown(kept)
    assert recording.shown(re.sub(r" in \d+ ms<", " in 7.5 s<", kept)) == recording.shown(kept)
    assert recording.shown(kept.replace("ADA", "ADB")) != recording.shown(kept)


def test_the_recording_needs_no_script_and_is_readable_without_animation():
    kept = (ROOT / "docs/pictures/recording.svg").read_text()
    assert not re.search(r"<script|javascript:|\bon\w+=|<foreignObject|https?://(?!www\.w3\.org/2000/svg)", kept)
    assert "prefers-reduced-motion" in kept
    assert not re.search(r'opacity="0"|visibility', kept), "only an animation may hide anything"
    assert max(float(delay) for delay in re.findall(r"animation-delay:([\d.]+)s", kept)) < 20


def fill_figures(*words):
    script = [sys.executable, "-B", ROOT / "scripts/fill_figures.py", *words]
    return subprocess.run(script, capture_output=True, text=True, check=False)


def test_figures_are_the_measured_ones():
    checked = fill_figures("--check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_typed_figure_is_found_and_replaced(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n\non <!-- figure:peers.cores -->7<!-- /figure --> cores, <!-- figure:measured.memory_bytes -->95<!-- /figure --> bytes\n")
    checked = fill_figures("--check", page)
    assert checked.returncode == 1
    assert checked.stdout.startswith(f"{page}:3: peers.cores is 2, not '7'") and checked.stdout.count("\n") == 1
    assert fill_figures(page).returncode == 0
    assert "on <!-- figure:peers.cores -->2<!-- /figure --> cores, " in page.read_text()
    for wrong in ("on <!-- figure:peers.nobody.batched_per_s -->1<!-- /figure -->", "on <!-- figure:peers.cores -->2",
                  "<!-- figure:peers.cores -->2<!-- /figure --> cores"):
        page.write_text(wrong)
        assert fill_figures("--check", page).returncode == 2


def test_the_front_page_has_no_typed_figure():
    text = re.sub(r"<!-- figure:(\S+) -->.*?<!-- /figure -->", "FIGURE", (ROOT / "README.md").read_text(), flags=re.S)
    assert text.count("FIGURE") > 8
    section = text[text.index("## How fast it is"):text.index("## Features")]
    typed = re.findall(r"(?<![\w.])\d[\d,.]*(?=\s|%)", re.sub(r"batches of 100\b", "batches", section))
    assert not typed


def region(path, name):
    """The lines of an example between `// [name]` and `// [name end]`."""
    lines = (ROOT / path).read_text().splitlines()
    marks = [line.strip() for line in lines]
    return textwrap.dedent("\n".join(lines[marks.index(f"// [{name}]") + 1:marks.index(f"// [{name} end]")]) + "\n")


def test_the_tutorial_shows_the_examples_as_they_are():
    blocks = re.findall(r"^```cpp ?(.*)\n((?:.*\n)*?)```$", (ROOT / "docs/tutorial.md").read_text(), re.M)
    assert len(blocks) > 5
    front = re.findall(r"^```cpp (.*)\n((?:.*\n)*?)```$", (ROOT / "README.md").read_text(), re.M)
    assert len(front) == 3
    for place, code in blocks + front:
        path, name = place.split()
        assert code == region(path, name), f"{path} has changed; copy the lines between [{name}] and [{name} end]"
    marked = {f"{path.relative_to(ROOT)} {name}" for path in (ROOT / "examples").rglob("*.*")
              for name in re.findall(r"^ *// \[([\w-]+)\]$", path.read_text(), re.M)}
    assert marked == {place for place, _ in blocks}


@pytest.mark.parametrize("language, first", [("python", '"""'), ("ts", "*/")])
def test_the_front_page_shows_a_program_as_it_is(language, first):
    ((path, code),) = re.findall(rf"^```{language} (.*)\n((?:.*\n)*?)```$", (ROOT / "README.md").read_text(), re.M)
    assert (ROOT / path).read_text().endswith(f"{first}\n\n{code}"), f"{path} has changed; copy what follows its first line"


def test_the_front_page_shows_lines_of_the_go_program():
    ((path, code),) = re.findall(r"^```go (.*)\n((?:.*\n)*?)```$", (ROOT / "README.md").read_text(), re.M)
    program = [line.strip() for line in (ROOT / path).read_text().splitlines()]
    assert [line for line in code.splitlines() if line and line not in program] == []


def without_code(page):
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)


def anchors(page):
    """Of the headings of a Markdown page, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", without_code(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere():
    all_pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert len(all_pages) > 10
    broken = []
    for page in all_pages:
        for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page)):
            if re.match(r"https?:", target):
                continue
            path, _, anchor = target.partition("#")
            there = (page.parent / path).resolve() if path else page
            if not there.exists() or (anchor and anchor not in anchors(there)):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken


def test_every_page_is_linked_from_the_index():
    index = (ROOT / "docs/README.md").read_text()
    written = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")} - {"README.md"}
    assert {page for page in written if f"({page})" not in index} == set()


def unknown_tests(named):
    """The test names that no source contains."""
    sources = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("tests/**/*.cc"), *ROOT.glob("src/**/*_test.cc"), *ROOT.glob("sim/*_test.cc"),
               *ROOT.glob("tests/**/CMakeLists.txt")]
    canaries = [f'"{patch.stem}"' for patch in ROOT.glob("sim/canaries/*.patch")]
    known = "\n".join([*(source.read_text() for source in sources), *canaries])
    return {name for name in named if not re.search(rf"def {name}\(|, {name}\) {{|\"{name}\"|\({name}\b", known)}


def test_every_test_and_canary_that_a_promise_names_exists():
    text = (ROOT / "docs/reliability.md").read_text()
    named = set(re.findall(r"`(\w{10,})`", text[text.index("## Promises"):text.index("## What it does not")]))
    assert len(named) > 150
    assert unknown_tests(named) == set()
    missing = "No" + "TestHasThisName"  # in two parts, or this source would contain it
    assert unknown_tests({"AnswersAndStateEqualTheReferenceForRandomCommands", missing}) == {missing}


def test_each_section_of_the_semantics_is_covered_by_tests():
    sections = re.findall(r"^## (.+)$", (ROOT / "docs/semantics.md").read_text(), re.M)
    linked = re.findall(r"^\| \[[^]]+\]\(semantics\.md#([\w-]+)\) \|[^|]+\|.*`\w+`.*\|$", (ROOT / "docs/reliability.md").read_text(), re.M)
    assert [section.lower().replace(" ", "-") for section in sections] == linked
