#!/usr/bin/python3
"""Runs the fuzz targets of a build and prints the results.

    fuzz.py --build build/asan [TARGET...] [--seconds N] [--jobs J] [--seed S] [--json]

Each target starts from the inputs of tests/fuzz/corpus/TARGET and from what earlier runs found, in
BUILD/corpus/TARGET. An input that breaks something is copied to BUILD/crashes/TARGET, the command that reproduces it
is printed, and the exit status is 1. Add such an input to tests/fuzz/corpus/TARGET, under a name that says what it
is.
"""

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LIMITS = ["-timeout=25", "-rss_limit_mb=2048", "-malloc_limit_mb=512", "-report_slow_units=25"]
PROGRESS = re.compile(r"^#(\d+)\t.*\bcov: (\d+) ft: (\d+) corp: (\d+)/", re.MULTILINE)
TAIL_LINES = 60


def targets():
    return sorted(path.name for path in (HERE / "corpus").iterdir())


def shown(path):
    return os.path.relpath(path, Path.cwd())


def run_target(name, args):
    """The results of one target, as a dict. "inputs" are the ones that broke something."""
    program = args.build / "fuzz" / f"fuzz_{name}"
    corpus, crashes = args.build / "corpus" / name, args.build / "crashes" / name
    for folder in (corpus, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(crashes.iterdir())
    dictionary = HERE / "dictionaries" / f"{name}.dict"
    words = [str(program), *LIMITS, f"-max_total_time={args.seconds}", f"-seed={args.seed}",
             f"-artifact_prefix={crashes}/", "-print_final_stats=1"]
    if dictionary.exists():
        words.append(f"-dict={dictionary}")
    begun = time.monotonic()
    done = subprocess.run([*words, str(corpus), str(HERE / "corpus" / name)], cwd=ROOT, text=True,
                          errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    seconds = time.monotonic() - begun
    (args.build / "corpus" / f"{name}.log").write_text(done.stdout)
    steps = PROGRESS.findall(done.stdout)
    executions, coverage, features, inputs = (int(number) for number in (steps or [(0, 0, 0, 0)])[-1])
    total = re.search(r"^stat::number_of_executed_units:\s*(\d+)", done.stdout, re.MULTILINE)
    executions = int(total.group(1)) if total else executions
    return {"target": name, "executions": executions, "executions_per_second": round(executions / max(seconds, 0.001)),
            "edges": coverage, "features": features, "corpus": inputs, "seconds": round(seconds, 1),
            "failed": done.returncode != 0, "inputs": sorted(str(path) for path in set(crashes.iterdir()) - before),
            "program": str(program), "output": done.stdout}


def tell_failure(result):
    tail = result["output"].splitlines()[-TAIL_LINES:]
    print(f"--- {result['target']} failed; the end of its output:", file=sys.stderr)
    print("\n".join(tail), file=sys.stderr)
    for path in result["inputs"]:
        print(f"--- the input: {shown(path)}\n--- again: {shown(result['program'])} {shown(path)}", file=sys.stderr)
    sys.stderr.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"one of {', '.join(targets())}; default: all")
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--seconds", type=int, default=20, help="time for each target; default %(default)s")
    parser.add_argument("--jobs", type=int, default=2, help="targets to run at a time; default %(default)s")
    parser.add_argument("--seed", type=int, help="random seed; default: a new one each time")
    parser.add_argument("--json", action="store_true", help="print one JSON line per target")
    args = parser.parse_args()
    args.build = args.build.resolve()
    args.seed = args.seed or int.from_bytes(os.urandom(3), "little") + 1
    if unknown := set(args.targets) - set(targets()):
        parser.error(f"there is no target {', '.join(sorted(unknown))}; there are {', '.join(targets())}")
    print(f"seed {args.seed}, {args.seconds} s per target", file=sys.stderr)

    row = "{:<14} {:>11} {:>8} {:>7} {:>9} {:>7}  {}"
    if not args.json:
        print(row.format("target", "executions", "per s", "edges", "features", "corpus", "outcome"), flush=True)
    failed = []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        jobs = [pool.submit(run_target, name, args) for name in args.targets or targets()]
        for job in concurrent.futures.as_completed(jobs):
            result = job.result()
            if result["failed"]:
                failed.append(result)
            outcome = "failed" if result["failed"] else "fine"
            if args.json:
                print(json.dumps({key: result[key] for key in result if key not in ("output", "program")}), flush=True)
            else:
                print(row.format(result["target"], result["executions"], result["executions_per_second"],
                                 result["edges"], result["features"], result["corpus"], outcome), flush=True)
    for result in failed:
        tell_failure(result)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
