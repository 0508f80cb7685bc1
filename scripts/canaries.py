#!/usr/bin/python3
"""Breaks one promise after another in a copy of the tree, and sees whether the simulation finds it.

    canaries.py [NAME...] [--seeds N] [--jobs J]     builds and runs the canaries (all of them), and prints a table
    canaries.py --check                              only whether each patch still applies; changes nothing
    canaries.py NAME --keep [-- ARGS...]             builds one, and runs treadle_sim ARGS with it

A canary is a small patch, sim/canaries/NAME.patch: its first line says what the bug is. The product has no word of
it. The copy is build/canary/tree, its build is build/canary/build. Exit status 1: a canary was not found, does not
build, or does not apply.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATCHES = ROOT / "sim/canaries"
PLACE = ROOT / "build/canary"
TREE, BUILD = PLACE / "tree", PLACE / "build"
PARTS = ["CMakeLists.txt", "CMakePresets.json", "LICENSE", "cmake", "deploy", "docs/openapi.yaml", "include", "sim", "src"]
SEED_SECONDS_MAX = 20  # with some bugs the world never comes to rest


def bug_of(patch):
    """The bug in words."""
    return patch.read_text(encoding="utf-8").split("\n", 1)[0].rstrip(".")


def apply(patch, tree, *options):
    """Applies `patch` without guessing; what is wrong, or nothing."""
    ran = subprocess.run(["patch", "-p1", "--fuzz=0", "--force", "--silent", "--reject-file=-", "--no-backup-if-mismatch",
                          *options, "-i", str(patch)], cwd=tree, capture_output=True, text=True, check=False)
    return "" if ran.returncode == 0 else (ran.stdout + ran.stderr).strip()


def check(patches):
    """Whether each patch applies to the tree as it is."""
    wrong = {patch.stem: what for patch in patches if (what := apply(patch, ROOT, "--dry-run"))}
    for name, what in wrong.items():
        print(f"sim/canaries/{name}.patch does not apply; make it again:\n{what}")
    print(f"canaries: {len(patches) - len(wrong)} of {len(patches)} apply")
    return not wrong


def renew_tree():
    """Brings the copy up to date; a file that has not changed keeps its time, so that little is built."""
    wanted = set()
    for part in PARTS:
        for source in [ROOT / part] if (ROOT / part).is_file() else sorted((ROOT / part).rglob("*")):
            if not source.is_file():
                continue
            wanted.add(source.relative_to(ROOT))
            copy = TREE / source.relative_to(ROOT)
            if copy.exists() and copy.read_bytes() == source.read_bytes():
                continue
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
    for copy in [path for path in TREE.rglob("*") if path.is_file()]:
        if copy.relative_to(TREE) not in wanted:
            copy.unlink()


def build(jobs):
    """Builds the simulation of the copy; what is wrong, or nothing."""
    ran = subprocess.run(["ninja", "-C", str(BUILD), f"-j{jobs}", "treadle_sim"], capture_output=True, text=True, check=False)
    return "" if ran.returncode == 0 else ran.stdout[-3000:]


def found_in(seeds, jobs):
    """In how many seeds the bug broke a promise."""
    words = ["--seeds", str(seeds), "--jobs", str(jobs), "--repeat-each", "0", "--seed-seconds", str(SEED_SECONDS_MAX), "--quiet",
             "--json"]
    ran = subprocess.run([BUILD / "sim/treadle_sim", *words], capture_output=True, text=True, check=False)
    return json.loads(ran.stdout.splitlines()[-1])["violations"]


def run_one(patch, arguments):
    """Builds one canary and runs it; its row of the table, and whether it was found."""
    if what := apply(patch, TREE):
        return f"does not apply: {what}", False
    try:
        if what := build(arguments.jobs):
            return f"does not build: {what}", False
        if arguments.keep:
            words = [word for word in arguments.args if word != "--"]
            return "", subprocess.run([BUILD / "sim/treadle_sim", *words], check=False).returncode == 0
        found = found_in(arguments.seeds, arguments.jobs)
        return str(found), found > 0
    finally:
        if not arguments.keep:
            apply(patch, TREE, "--reverse")


def main():
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seeds", type=int, default=200, help="seeds with each canary (200)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    parser.add_argument("--check", action="store_true", help="only whether the patches apply")
    parser.add_argument("--keep", action="store_true", help="leave the canary in the copy, and run treadle_sim with ARGS")
    own, args = sys.argv[1:], []
    if "--" in own:
        own, args = own[:own.index("--")], own[own.index("--"):]
    arguments = parser.parse_args(own)
    arguments.args = args
    patches = sorted(PATCHES.glob("*.patch"))
    unknown = set(arguments.names) - {patch.stem for patch in patches}
    if unknown or (arguments.keep and len(arguments.names) != 1):
        parser.error(f"no such canary: {', '.join(unknown)}; see sim/canaries/" if unknown else "--keep takes one NAME")
    if arguments.names:
        patches = [patch for patch in patches if patch.stem in arguments.names]
    if arguments.check:
        sys.exit(not check(patches))
    renew_tree()
    subprocess.run(["cmake", "-S", str(TREE), "-B", str(BUILD), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=None", "-DCMAKE_CXX_FLAGS=-O2 -g1",
                    "-DTREADLE_QUICK=ON", "-DTREADLE_CANARIES=ON"], stdout=subprocess.DEVNULL, check=True)
    all_found = True
    if not arguments.keep:
        print(f"| canary | the bug | found in, of {arguments.seeds} seeds |\n|---|---|---|", flush=True)
    for patch in patches:
        row, found = run_one(patch, arguments)
        all_found &= found
        if row:
            print(f"| `{patch.stem}` | {bug_of(patch)[0].lower() + bug_of(patch)[1:]} | {row} |", flush=True)
    sys.exit(not all_found)


if __name__ == "__main__":
    main()
