#!/usr/bin/python3
"""Fills measured figures into Markdown pages, so that no figure is typed twice.

    fill_figures.py [--check] [PAGE...]      without PAGE: README.md, every other page at the top, and every page of docs/

A page marks the place of a figure. The text between the two comments belongs to this script:

    up to <!-- figure:peers.treadle.drain_per_s -->241,532<!-- /figure --> tasks/s

A mark must not begin a line, because Markdown would end the paragraph there. Names:

    peers.CONTESTANT.FIGURE             from docs/benchmarks/peers.json, as its table shows it
    peers.CONTESTANT.FIGURE.rounded     the same with three significant digits
    peers.date, peers.cores, peers.processor, peers.rate
    measured.NAME, measured.NAME.date   from docs/benchmarks/measured.json

--check changes nothing, prints one line for each figure that differs, and exits with 1 if there are any. An unknown
name is an error (exit status 2).
"""

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "docs/benchmarks/peers.json"
MEASURED = ROOT / "docs/benchmarks/measured.json"
MARK = re.compile(r"(<!-- figure:(\S+) -->)(.*?)(<!-- /figure -->)", re.S)
HALF_A_MARK = re.compile(r"<!-- /?figure\b")

sys.path.insert(0, str(ROOT / "bench/peers"))
from report import amount  # noqa: E402


def rounded(value):
    """Three significant digits: 425456 is 425,000."""
    digits = len(str(int(value)))
    return amount(round(value, 3 - digits)) if digits > 3 else amount(value)


def known_figures(peers, measured):
    """Every name that a page may use, with its text."""
    known = {
        "peers.date": peers["date"],
        "peers.cores": str(peers["machine"]["cores"]),
        "peers.processor": peers["machine"]["processor"],
        "peers.rate": f"{peers['plan']['rate']:,}",
    }
    for contestant in peers["contestants"]:
        for figure, value in contestant["figures"].items():
            name = f"peers.{contestant['name']}.{figure}"
            known[name], known[f"{name}.rounded"] = amount(value), rounded(value)
    for name, figure in measured["figures"].items():
        known[f"measured.{name}"], known[f"measured.{name}.date"] = figure["value"], figure["date"]
    return known


def filled(text, known):
    """The page with its figures, and (line, name, old text) for each that differed. KeyError: an unknown name."""
    differing = []

    def fill(mark):
        begin, name, old, end = mark.groups()
        if old != known[name]:
            differing.append((text.count("\n", 0, mark.start()) + 1, name, old))
        return begin + known[name] + end

    if len(HALF_A_MARK.findall(text)) != 2 * len(MARK.findall(text)):
        raise ValueError("a figure's mark lacks its end or its beginning")
    if re.search(r"^ {0,3}<!-- figure:", text, re.M):
        raise ValueError("a figure's mark begins a line, which ends the paragraph in Markdown: put a word before it")
    return MARK.sub(fill, text), differing


def all_pages():
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def main():
    parser = argparse.ArgumentParser(description="Fill measured figures into Markdown pages.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if a figure differs")
    parser.add_argument("pages", nargs="*", type=Path, metavar="PAGE", help="default: all pages of the project")
    arguments = parser.parse_args()
    known = known_figures(json.loads(PEERS.read_text()), json.loads(MEASURED.read_text()))
    stale = 0
    for page in arguments.pages or all_pages():
        text = page.read_text()
        try:
            new, differing = filled(text, known)
        except KeyError as name:
            fail(page, f"unknown figure {name}")
        except ValueError as error:
            fail(page, str(error))
        for line, name, old in differing:
            print(f"{page}:{line}: {name} is {known[name]}, not {old!r}" + ("; run ./dev docs" if arguments.check else ""))
        stale += len(differing)
        if new != text and not arguments.check:
            page.write_text(new)
    sys.exit(1 if arguments.check and stale else 0)


def fail(page, what):
    print(f"{page}: {what}; the head of scripts/fill_figures.py lists the names", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
