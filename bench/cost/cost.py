#!/usr/bin/python3
"""Counts the cost of fixed work and compares it with the accepted limits. Called by `./dev cost`.

    cost.py --program treadle_cost [--limits FILE] [--json] [--accept] [WORKLOAD...]

Each workload of treadle_cost (bench/cost/cost.h) runs once under callgrind. Counts do not depend on the speed or load
of the machine. Everything else they could depend on is fixed: the environment, the working directory, and which CPU
variants the C library, OpenSSL and simdjson choose. OpenSSL's hashing is counted separately, because it would hide
the rest.

Instructions are judged only if the program was built like the accepted one (compiler, version, flags, CPU).
Everything else is always judged. Exit status 1: something costs more than accepted. 77: not everything could be
judged.
"""

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# How much a count may exceed its limit, in percent. Instructions vary a little with addresses and libraries.
SLACK = {
    "instructions_per_task": 3.0,
    "hashing_instructions_per_task": 3.0,
    "allocations_per_task": 0.0,
    "bytes_written_per_task": 1.0,
    "syncs": 0.0,
}
COUNTS = list(SLACK)
INSTRUCTIONS = COUNTS[:2]
BETTER = 5.0  # percent below its limit that justify a lower limit
NOT_JUDGED = 77  # ctest's status for a skipped test

STILL = {
    "PATH": "/usr/bin:/bin",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-ERMS,-FSRM,-BMI2,-RTM,-MOVBE",
    "OPENSSL_ia32cap": "~0x1000000000000000:0",  # SSSE3 and nothing newer
    "SIMDJSON_FORCE_IMPLEMENTATION": "westmere",
}


def fail(sentence):
    print(f"cost: {sentence}", file=sys.stderr)
    sys.exit(2)


def instructions(profile):
    """The instructions of a callgrind profile (https://valgrind.org/docs/manual/cl-format.html): all except
    libcrypto's, and libcrypto's."""
    own = hashing = 0
    names, crypto, called = {}, False, False
    for line in profile.splitlines():
        if match := re.match(r"ob=(\(\d+\))?\s*(.*)", line):
            name = names.setdefault(match[1], match[2])  # a number without a name refers to an earlier name
            crypto = "libcrypto" in name
        elif match := re.match(r"cob=(\(\d+\))\s+(.+)", line):
            names[match[1]] = match[2]
        elif line.startswith("calls="):
            called = True  # the next line has the cost of the called function, which is counted there
        elif re.match(r"[-+*\d]", line):
            count = 0 if called else int(line.split()[1])
            own, hashing, called = own + (not crypto) * count, hashing + crypto * count, False
    return own, hashing


def measure(program, workload):
    """The counts of one workload, per task where that makes sense."""
    with tempfile.TemporaryDirectory(prefix="treadle-cost-") as directory:
        command = ["valgrind", "--tool=callgrind", "--quiet", "--toggle-collect=RunMeasured",
                   "--callgrind-out-file=profile", program, workload, "data"]
        ran = subprocess.run(command, cwd=directory, env=STILL, capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            fail(f"{workload} ended with {ran.returncode}\n{ran.stderr}")
        counted = json.loads(ran.stdout)
        own, hashing = instructions((Path(directory) / "profile").read_text(encoding="utf-8"))
    if own == 0:
        fail(f"{workload}: callgrind collected nothing; does treadle_cost still call RunMeasured?")
    tasks = counted["tasks"]
    return {
        "workload": workload,
        "tasks": tasks,
        "instructions_per_task": round(own / tasks, 1),
        "hashing_instructions_per_task": round(hashing / tasks, 1),
        "allocations_per_task": round(counted["allocations"] / tasks, 3),
        "bytes_written_per_task": round(counted["bytes_written"] / tasks, 1),
        "syncs": counted["syncs"],
    }, counted["build"]


def judge(measured, limits, judged):
    """What exceeds its limit, what is much better, and what has no limit: three lists of sentences."""
    worse, better, unknown = [], [], []
    for row in measured:
        limit = limits.get(row["workload"], {})
        for count in COUNTS:
            now, was = row[count], limit.get(count)
            where = f"{row['workload']}: {count} is {now:,}"
            if was is None:
                unknown.append(f"{where}, and there is no limit for it")
                continue
            change = (now - was) * 100 / was if was else 0.0 if now == was else 100.0
            text = f"{where}, {change:+.1f} % against {was:,}"
            if count not in judged:
                continue
            if change > SLACK[count]:
                worse.append(f"{text}; allowed is {SLACK[count]:+.0f} %")
            elif change < -BETTER:
                better.append(text)
    return worse, better, unknown


def accept(measured, build, accepted, path):
    """Writes the counts outside their slack. The others keep their limits, so that small steps do not add up."""
    changed, limits = [], accepted["limits"]
    fresh = accepted.get("build") != build
    for row in measured:
        limit = limits.setdefault(row["workload"], {})
        for count in COUNTS:
            was, now = limit.get(count), row[count]
            same = was is not None and abs(now - was) <= abs(was) * SLACK[count] / 100
            if same and not (fresh and count in INSTRUCTIONS):
                continue
            changed.append(f"{row['workload']}: {count} {was} -> {now}")
            limit[count] = now
    accepted["build"] = build
    lines = ",\n".join(f'    {json.dumps(name)}: {json.dumps(limits[name])}' for name in limits)
    path.write_text(f'{{\n  "build": {json.dumps(build)},\n  "limits": {{\n{lines}\n  }}\n}}\n', encoding="utf-8")
    return changed


def table(measured, limits):
    """For people, with the change of each instruction count against its limit."""
    lines = [f"{'workload':<20} {'instructions':>20} {'hashing':>9} {'allocations':>12} {'bytes':>9} {'syncs':>6}"]
    for row in measured:
        was = limits.get(row["workload"], {}).get(COUNTS[0])
        change = f" ({(row[COUNTS[0]] - was) * 100 / was:+.1f} %)" if was else ""
        cells = f"{row[COUNTS[0]]:,.0f}{change}"
        lines.append(f"{row['workload']:<20} {cells:>20} {row[COUNTS[1]]:>9,.0f} {row[COUNTS[2]]:>12.3f} "
                     f"{row[COUNTS[3]]:>9,.1f} {row[COUNTS[4]]:>6}")
    return "\n".join([*lines, "", "per task, but for syncs; in brackets: against its limit"])


def arguments():
    parser = argparse.ArgumentParser(description="Count the cost of fixed work and compare it with the limits.")
    parser.add_argument("workload", nargs="*", help="run only these")
    parser.add_argument("--program", required=True, help="treadle_cost")
    parser.add_argument("--limits", type=Path, default=Path(__file__).with_name("limits.json"))
    parser.add_argument("--json", action="store_true", help="print one JSON line per workload")
    parser.add_argument("--accept", action="store_true", help="make the counts that differ the new limits")
    return parser.parse_args()


def main():
    options = arguments()
    program = str(Path(options.program).resolve())
    listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout
    known = [line.split("\t")[0] for line in listed.splitlines()]
    for name in options.workload:
        if name not in known:
            fail(f"there is no workload '{name}'; there are: {', '.join(known)}")
    accepted = {"limits": {}}
    if options.limits.exists():
        accepted = json.loads(options.limits.read_text(encoding="utf-8"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            runs = list(pool.map(lambda name: measure(program, name), options.workload or known))
        except FileNotFoundError:
            fail("valgrind is not installed; ./dev setup test installs it")
    measured, build = [row for row, _ in runs], runs[0][1]
    print("\n".join(map(json.dumps, measured)) if options.json else table(measured, accepted["limits"]))
    if options.accept:
        changed = accept(measured, build, accepted, options.limits)
        print("\n".join(changed) or "nothing differs from its limit", file=sys.stderr)
        return 0
    return report(measured, build, accepted)


def report(measured, build, accepted):
    """Prints the differences to stderr. Returns the exit status."""
    alike = accepted.get("build") == build
    judged = [count for count in COUNTS if alike or count not in INSTRUCTIONS]
    worse, better, unknown = judge(measured, accepted["limits"], judged)
    say = [f"costs more: {line}" for line in worse + unknown]
    if say:
        say.append("if it is meant to: ./dev cost --accept, and the commit says why")
    say += [f"costs less: {line}; ./dev cost --accept lowers the limit" for line in better]
    if not alike:
        say.append(f"instructions are not judged: built by '{build}', the limits by '{accepted.get('build')}'")
    for line in say:
        print(f"cost: {line}", file=sys.stderr)
    return 1 if worse or unknown else 0 if alike else NOT_JUDGED


if __name__ == "__main__":
    sys.exit(main())
