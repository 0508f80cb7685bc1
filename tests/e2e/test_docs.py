"""The reference pages are what the program prints."""

import re

import pytest
from treadle import ROOT, run


@pytest.mark.parametrize("page", ["cli", "config"])
def test_the_reference_is_up_to_date(page):
    kept = (ROOT / f"docs/reference/{page}.md").read_text()
    assert kept == run("docs", page).stdout, "the program has changed; run ./dev docs"


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
