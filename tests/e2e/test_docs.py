"""The reference pages are what the program prints."""

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
    sections = set((ROOT / "docs/reference/cli.md").read_text().split("\n"))
    for each in tmp_path.iterdir():
        assert each.stem == "treadle" or f"## {each.stem.replace('-', ' ')}" in sections
