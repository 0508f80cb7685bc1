#!/usr/bin/python3
"""The crash test: the real server under load, kill -9 at random moments, and a checker that knows what clients saw.

Producers, workers and an operator are separate processes. They use the whole API: batches with idempotency and unique
keys, priorities, delays, expiry, deadlines, renewals, steps, checkpoints, retries, releases, snoozes, cancellations,
edits, moves, redrives, deletions and pauses. Each round kills the server under load, during recovery or during a
checkpoint. Now and then a client is also killed and starts over, or is stopped for longer than a lease and comes back
with old tokens. At the end every task must finish in peace, and the checker reads what every client wrote down
(checker.py has the rules).

Prints the seed. --seed repeats the same choices, but not the timing of processes.
Example: crash.py --treadle build/release/treadle --rounds 30 --json
"""

import argparse
import json
import os
import random
import sys

import damage
import every_write
from disk import LossyDisk
from rounds import Rounds


def run_rounds(arguments):
    def progress(text):
        if not arguments.json:
            print(text, file=sys.stderr)

    disk = None
    if arguments.lossy or arguments.lies:
        disk = LossyDisk(layer_of(arguments.treadle), takes_all=arguments.lies)
    run = Rounds(arguments.treadle, arguments.seed, disk, progress)
    report, breaches = run.run(arguments.rounds, lies=arguments.lies)
    lost = breaches.pop("no_acknowledged_task_is_lost", []) if arguments.lies else []
    run.clean_up({} if arguments.lies else breaches, arguments.keep)
    tell(report, arguments.json)
    if arguments.lies:
        return 0 if lost else 1
    return 0 if not breaches and report["acknowledged"] and report["completed"] else 1


def layer_of(treadle):
    """The layer that was built next to the server."""
    return os.path.join(os.path.dirname(os.path.realpath(treadle)), "treadle_lossy_disk.so")


def tell(report, as_json):
    print(json.dumps(report) if as_json else "\n".join(f"{name:16} {value}" for name, value in report.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--treadle", required=True, help="the server's binary")
    parser.add_argument("--rounds", type=int, default=30, help="how many times the server is killed (30)")
    parser.add_argument("--lossy", action="store_true",
                        help="a kill also loses all or part of what was not synced")
    parser.add_argument("--lies", action="store_true",
                        help="syncs succeed but do nothing; exit status 0 only if the checker finds lost tasks")
    parser.add_argument("--every-write", action="store_true",
                        help="instead of rounds: break each disk operation of a short workload (every_write.py)")
    parser.add_argument("--flips", action="store_true",
                        help="instead of rounds: damage the files of a stopped server (damage.py)")
    parser.add_argument("--cases", type=int, default=60, help="number of cases for these two, spread over all (60)")
    parser.add_argument("--every", action="store_true", help="run all cases, which takes hours")
    parser.add_argument("--jobs", type=int, default=2, help="cases to run at a time (2)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--keep", action="store_true", help="keep the data, the histories and the server's log")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", file=sys.stderr)
    if arguments.every_write:
        return every_write.main_of(arguments, layer_of(arguments.treadle))
    if arguments.flips:
        return damage.main_of(arguments)
    return run_rounds(arguments)


if __name__ == "__main__":
    sys.exit(main())
