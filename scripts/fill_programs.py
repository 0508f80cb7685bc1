#!/usr/bin/python3
"""Fills programs into Markdown pages, so that a page shows each program as it runs.

    fill_programs.py [--check] [PAGE...]      without PAGE: every page of docs/

A block whose first line names a file of the project belongs to this script, which puts the whole file there:

    ```python examples/coming-from/celery/after.py

--check changes nothing, prints one line for each block that differs, and exits with 1 if there are any.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```(\w+) (examples/\S+)\n(.*?)^```$", re.M | re.S)


def filled(text):
    """The page with its programs, and (line, file) for each block that differed."""
    differing = []

    def fill(block):
        language, path, old = block.groups()
        program = (ROOT / path).read_text()
        if old != program:
            differing.append((text.count("\n", 0, block.start()) + 1, path))
        return f"```{language} {path}\n{program}```"

    return BLOCK.sub(fill, text), differing


def main():
    parser = argparse.ArgumentParser(description="Fill programs into Markdown pages.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if a program differs")
    parser.add_argument("pages", nargs="*", type=Path, metavar="PAGE", help="default: all pages of docs/")
    arguments = parser.parse_args()
    stale = 0
    for page in arguments.pages or sorted((ROOT / "docs").rglob("*.md")):
        text = page.read_text()
        new, differing = filled(text)
        for line, path in differing:
            print(f"{page}:{line}: {path} is another" + ("; run ./dev docs" if arguments.check else ""))
        stale += len(differing)
        if new != text and not arguments.check:
            page.write_text(new)
    sys.exit(1 if arguments.check and stale else 0)


if __name__ == "__main__":
    main()
