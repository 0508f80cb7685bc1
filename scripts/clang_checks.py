#!/usr/bin/python3
"""Runs clang's analyses over the project with the flags of a configured build.

    clang_checks.py thread-safety --build build/release     -Wthread-safety over src/ and sim/
    clang_checks.py tidy --build build/release [FILE...]    clang-tidy over every .cc, or over these

The build itself uses g++; clang reads its compile_commands.json. Clean results are cached for all worktrees of this
user, as ccache does, in ~/.cache/treadle/lint. A file is checked again when it, a project header it includes, its
flags, .clang-tidy or clang changes.
"""

import argparse
import concurrent.futures
import functools
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
# g++ decides about its own warnings; only clang's analysis matters here.
QUIET = ["-Wno-everything", "-Wno-error"]
THREAD_SAFETY = ["-Wthread-safety", "-Werror=thread-safety"]


def front_end_flags(words):
    """The flags of a g++ command line that decide the meaning of the source. The rest matters only to g++."""
    flags = [word for word in words if word.startswith(("-D", "-I", "-std="))]
    for option, value in zip(words, words[1:]):
        if option == "-isystem":
            flags += [option, value]
    return flags


def commands(build):
    """{source: front-end flags} of every project file that the build compiles."""
    database = build / "compile_commands.json"
    if not database.exists():
        sys.exit(f"{database} is missing; run ./dev build first")
    result = {}
    for entry in json.loads(database.read_text()):
        source = Path(entry["directory"], entry["file"]).resolve()
        if not source.exists() or ROOT not in source.parents or build.resolve() in source.parents:
            continue
        result[source] = front_end_flags(shlex.split(entry["command"]))
    return result


@functools.cache
def project_includes(path):
    """The project headers that a file includes, resolved against src/, the root and its own folder."""
    found = []
    for name in INCLUDE.findall(path.read_text(encoding="utf-8")):
        places = [base / name for base in (ROOT / "src", ROOT, path.parent)]
        found += [place for place in places if place.is_file()][:1]
    return found


def fingerprint(source, words):
    """A hash of everything that the result for this file depends on, except system headers."""
    seen, waiting = {source}, [source]
    while waiting:
        for header in project_includes(waiting.pop()):
            if header not in seen:
                seen.add(header)
                waiting.append(header)
    digest = hashlib.sha256("\0".join(words).encode())
    for path in sorted(seen):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def run(words):
    """Returns (clean, output)."""
    done = subprocess.run(words, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    noise = re.compile(r"^(\d+ warnings?.*generated\.|Suppressed .*|Use -header-filter.*|\d+ warnings treated as errors)$")
    lines = [line for line in done.stdout.splitlines() if not noise.match(line)]
    return done.returncode == 0, "\n".join(lines)


def thread_safety(source, flags):
    return ["clang++-19", "-fsyntax-only", *flags, *QUIET, *THREAD_SAFETY, str(source)]


def tidy(source, flags):
    return ["clang-tidy-19", "--quiet", str(source), "--", *flags, *QUIET]


# The checks and their folders.
CHECKS = {"thread-safety": (thread_safety, ("src", "sim")), "tidy": (tidy, ("src", "sim", "tests", "bench"))}


@functools.cache
def tools():
    """The tools' versions and settings. If they change, all files are checked again."""
    version = subprocess.run(["clang-tidy-19", "--version"], text=True, capture_output=True, check=True).stdout
    return version + (ROOT / ".clang-tidy").read_text(encoding="utf-8")


def check_file(source, words, stamps):
    """Returns (clean, output). Runs nothing if a stamp shows that nothing has changed."""
    stamp = stamps / fingerprint(source, [tools(), *(word.replace(str(ROOT), ".") for word in words)])
    if stamp.exists():
        return True, ""
    good, text = run(words)
    if good:
        stamps.mkdir(parents=True, exist_ok=True)
        stamp.touch()
    return good, text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=CHECKS)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()

    command, folders = CHECKS[args.check]
    stamps = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "treadle/lint" / args.check
    wanted = {path.resolve() for path in args.files}
    work = {source: flags for source, flags in commands(args.build).items()
            if (source in wanted if wanted else source.relative_to(ROOT).parts[0] in folders)}
    begun, bad = time.monotonic(), 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        jobs = [pool.submit(check_file, source, command(source, flags), stamps)
                for source, flags in sorted(work.items())]
        for job in jobs:
            good, text = job.result()
            bad += not good
            if not good:
                print(text, flush=True)
    print(f"{args.check}: {bad} of {len(work)} files with findings, {time.monotonic() - begun:.0f} s")
    sys.exit(1 if bad or not work or wanted - work.keys() else 0)


if __name__ == "__main__":
    main()
