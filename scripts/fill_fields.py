#!/usr/bin/python3
"""Fills what the program knows about the fields of policies (src/model/policy_fields.cc) into the contract of the API
and the page of the format.

    fill_fields.py --treadle build/release/treadle [--check]

--check changes nothing, prints one line for each file that differs, and exits with 1 if there are any.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACES = {  # file: (command of `treadle docs`, the line before, the line behind)
    "docs/openapi.yaml": ("policies", "    # Made by ./dev docs from src/model/policy_fields.cc; do not edit.",
                          "    # End of what is made."),
    "docs/formats/effects.md": ("fields", "<!-- Made by ./dev docs from src/model/policy_fields.cc; do not edit. -->",
                                "<!-- End of what is made. -->"),
}


def filled(text, first, last, made):
    """The file with `made` between the two lines."""
    between = re.compile(f"(?<=^{re.escape(first)}\n).*?(?=^{re.escape(last)}$)", re.M | re.S)
    new, count = between.subn(lambda _: made, text)
    if count != 1:
        sys.exit(f"the line {first!r} and the line {last!r} must be there once")
    return new


def main():
    parser = argparse.ArgumentParser(description="Fill the fields of policies into docs/.")
    parser.add_argument("--treadle", required=True, help="the program")
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if a file differs")
    arguments = parser.parse_args()
    stale = 0
    for name, (command, first, last) in PLACES.items():
        path = ROOT / name
        made = subprocess.run([arguments.treadle, "docs", command], capture_output=True, text=True, check=True).stdout
        if command == "fields":
            made += "\n"  # an empty line before the comment
        text = path.read_text()
        new = filled(text, first, last, made)
        if new == text:
            continue
        stale += 1
        print(f"{name}: the fields of policies are others" + ("; run ./dev docs" if arguments.check else ""))
        if not arguments.check:
            path.write_text(new)
    sys.exit(1 if arguments.check and stale else 0)


if __name__ == "__main__":
    main()
