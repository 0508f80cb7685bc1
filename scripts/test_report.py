#!/usr/bin/env python3
"""Summarizes test runs: the slowest tests, how many were skipped, how each failure ended, and the counts last.

usage: test_report.py REPORT...

A report is JUnit XML by ctest, at build/PRESET/tests.xml. Failures come after everything else, because many readers
see only the end of a long log.
"""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

SLOWEST = 10
LINES_OF_A_FAILURE = 40


def main():
    failures, passed = [], 0
    for report in map(Path, sys.argv[1:]):
        preset = report.parent.name
        # ctest writes the output of tests unchanged. Bytes that are invalid in XML must not make the report
        # unreadable.
        text = report.read_text(errors="replace")
        cases = ElementTree.fromstring("".join(c for c in text if c.isprintable() or c in "\n\t")).findall("testcase")
        ran = [case for case in cases if case.get("status") in ("run", "fail")]
        failed = [case for case in ran if case.get("status") == "fail"]
        if ran:
            print(f"slowest in the {preset} build:")
        for case in sorted(ran, key=lambda case: -float(case.get("time")))[:SLOWEST]:
            print(f"{float(case.get('time')):8.1f} s  {case.get('name')}")
        if len(ran) < len(cases):
            print(f"{len(cases) - len(ran)} skipped in the {preset} build")
        passed += len(ran) - len(failed)
        failures += [(preset, case) for case in failed]
    for preset, case in failures:
        output = (case.findtext("system-out") or "").rstrip().splitlines()
        print(f"\nfailed in the {preset} build: {case.get('name')}, after {float(case.get('time')):.1f} s")
        for line in output[-LINES_OF_A_FAILURE:]:
            print(f"  {line}")
    if failures:
        print("\nfailed: " + " ".join(case.get("name") for _, case in failures))
    if not passed and not failures:
        print("dev: no test ran", file=sys.stderr)
    print(f"{passed} passed, {len(failures)} failed")


if __name__ == "__main__":
    main()
