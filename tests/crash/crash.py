#!/usr/bin/python3
"""The crash test: the real server under load, kill -9 at random moments, and a checker that knows only what clients saw.

Producers, workers and an operator are processes of their own. They use all that the API has: batches with idempotency
and unique keys, priorities, delays, expiry, deadlines, renewals, steps, checkpoints, retries, releases, snoozes,
cancellations, edits, moves, redrives, deletions, pauses. Each round the server is killed, under load, while it recovers
or while it checkpoints; now and then a client is killed too and begins anew, or is stopped for longer than a lease and
comes back with old tokens. In the end all must come to its end in peace, and the checker reads what everybody wrote down
(checker.py has the rules).

Prints the seed; --seed repeats the same choices (the timing of processes stays the machine's).
Example: crash.py --treadle build/release/treadle --rounds 30 --json
"""

import argparse
import json
import random
import sys

from rounds import Rounds


def run_rounds(arguments):
    def progress(text):
        if not arguments.json:
            print(text, file=sys.stderr)

    run = Rounds(arguments.treadle, arguments.seed, progress=progress)
    report, breaches = run.run(arguments.rounds)
    run.clean_up(breaches, arguments.keep)
    tell(report, arguments.json)
    return 0 if not breaches and report["acknowledged"] and report["completed"] else 1


def tell(report, as_json):
    print(json.dumps(report) if as_json else "\n".join(f"{name:16} {value}" for name, value in report.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--treadle", required=True, help="the server's binary")
    parser.add_argument("--rounds", type=int, default=30, help="how many times the server is killed (30)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--keep", action="store_true", help="keep the data, the histories and the server's log")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", file=sys.stderr)
    return run_rounds(arguments)


if __name__ == "__main__":
    sys.exit(main())
