"""The reference pages are what the program and the contract say, and links lead somewhere."""

import re
import subprocess
import sys

import pytest
import yaml
from treadle import ROOT, run

sys.path.insert(0, str(ROOT / "scripts"))
import api_reference  # noqa: E402


@pytest.mark.parametrize("page", ["cli", "config"])
def test_the_reference_is_up_to_date(page):
    kept = (ROOT / f"docs/reference/{page}.md").read_text()
    assert kept == run("docs", page).stdout, "the program has changed; run ./dev docs"


def test_the_page_of_the_api_is_up_to_date():
    script = [sys.executable, ROOT / "scripts/api_reference.py", ROOT / "docs/openapi.yaml"]
    page = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    assert (ROOT / "docs/reference/api.md").read_text() == page, "the contract has changed; run ./dev docs"


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
