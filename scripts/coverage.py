#!/usr/bin/python3
"""Lists the lines of some rooms that no test has reached, from the counts of an instrumented build.

    coverage.py --build build/coverage [--json] [--least PERCENT] ROOM...

Each program of the build writes its counts (.gcda) next to its objects, and gcov turns them into lines. A line is
reached if it ran in any program. A line without code does not count. There are no marks in the source to exclude
lines. Prints a line for each file, `path: reached of lines, unreached ranges`, then one for each room. The exit
status is 1 if less than PERCENT (95) of a room was reached. `./dev coverage` builds, runs and calls this.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def counts_of(gcda):
    """[(source, line, times)] of one object file."""
    gcov = subprocess.run(["gcov", "--json-format", "--stdout", str(gcda)], cwd=gcda.parent, check=True,
                          capture_output=True, text=True)
    return [(entry["file"], line["line_number"], line["count"])
            for document in gcov.stdout.splitlines()
            for entry in json.loads(document)["files"]
            for line in entry["lines"]]


def lines_of(build, rooms):
    """{room: {file: {line: reached}}}, files as paths from the root."""
    found = {room: collections.defaultdict(dict) for room in rooms}
    counts = sorted(build.rglob("*.gcda"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for of_one in pool.map(counts_of, counts):
            for source, line, times in of_one:
                path = Path(os.path.normpath(build / source))
                if not path.is_relative_to(ROOT / "src") or path.name.endswith("_test.cc"):
                    continue
                room = path.relative_to(ROOT / "src").parts[0]
                if room in found:
                    lines = found[room][str(path.relative_to(ROOT))]
                    lines[line] = lines.get(line, False) or times > 0
    return found


def ranges(lines):
    """Unreached lines as [[first, last], ...]. Lines without code do not split a range."""
    out, last_reached = [], True
    for line, reached in sorted(lines.items()):
        if not reached and last_reached:
            out.append([line, line])
        elif not reached:
            out[-1][1] = line
        last_reached = reached
    return out


def report_of(files):
    """The report of one room, ready for JSON."""
    out = {"lines": 0, "reached": 0, "files": {}}
    for path, lines in sorted(files.items()):
        reached = sum(lines.values())
        out["lines"] += len(lines)
        out["reached"] += reached
        out["files"][path] = {"lines": len(lines), "reached": reached, "unreached": ranges(lines)}
    out["percent"] = round(100 * out["reached"] / max(out["lines"], 1), 2)
    return out


def in_words(report, least):
    """Prints the report for people."""
    for room, of_room in report.items():
        for path, of_file in of_room["files"].items():
            missing = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in of_file["unreached"])
            print(f"{path}: {of_file['reached']} of {of_file['lines']}" + (f", not {missing}" if missing else ""))
    for room, of_room in report.items():
        short = "" if of_room["percent"] >= least else f", less than {least:g} %"
        print(f"{room}: {of_room['percent']:.2f} % ({of_room['reached']} of {of_room['lines']} lines){short}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--least", type=float, default=95)
    parser.add_argument("rooms", nargs="+", metavar="ROOM")
    arguments = parser.parse_args()

    found = lines_of(arguments.build.resolve(), arguments.rooms)
    empty = [room for room, files in found.items() if not files]
    if empty:
        sys.exit(f"coverage.py: nothing was counted of {', '.join(empty)}: has any program of {arguments.build} run?")
    report = {room: report_of(files) for room, files in found.items()}
    if arguments.json:
        print(json.dumps(report))
    else:
        in_words(report, arguments.least)
    return 0 if all(room["percent"] >= arguments.least for room in report.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
