#!/usr/bin/python3
"""Measures Treadle and its peers: the same workloads by the same rules, in one run, in turn and round by round.

  batched      enqueue by 32 callers, each with a batch of 100 under way                                 tasks/s
  single       enqueue by 32 callers, one task a call                                                    tasks/s
  drain        a backlog taken, and each task acknowledged; before it, memory per queued task            tasks/s, bytes
  unpipelined  the same by 32 consumers that make one call at a time (Redis streams)                     tasks/s
  latency      from when a task should be enqueued to its start, at a steady rate                        ms

What is missing is installed: Debian packages by apt-get (with services left off), what comes from npm, PyPI and Go
modules into build/peers. Each measurement has a server of its own on 127.0.0.1, in a directory that goes with it. A
peer that cannot be installed or fails is reported and left out. The result goes to standard output and to
build/peers/peers.json, the chart to peers.svg beside it.

Exit status 0: all were measured; 1: one was not; 2: the command line is wrong.
Example: peers.py --rounds 3 redis-streams-always nats
"""

import argparse
import datetime
import json
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import measure  # noqa: E402
from chart import chart  # noqa: E402
from contestants import CONTESTANTS  # noqa: E402
from contestants.contestant import BUILT, ROOT  # noqa: E402
from figures import FIGURES, medians  # noqa: E402
from machine import describe, file_system  # noqa: E402
from processes import Children, Failed  # noqa: E402
from report import amount, page, placed, table  # noqa: E402

PAGE = ROOT / "docs/benchmarks.md"
PUBLISHED = ROOT / "docs/benchmarks"


def say(text):
    print(text, file=sys.stderr, flush=True)


class Run:
    """One comparison under way: who takes part, what each round gave, who fell out and why."""

    def __init__(self, contestants, plan, children):
        self.plan, self.children = plan, children
        self.rounds = {each: [] for each in contestants}
        self.skipped = {}

    def skip(self, contestant, reason):
        self.skipped[contestant] = str(reason)
        say(f"peers: {contestant.title} is left out: {reason}")

    def taking_part(self):
        return [each for each in self.rounds if each not in self.skipped]

    def install(self):
        for contestant in self.taking_part():
            say(f"installing what {contestant.title} needs")
            try:
                contestant.install()
            except Failed as reason:
                self.skip(contestant, reason)

    def measure(self):
        """Round by round, workload by workload, one contestant after the other; another begins in each round."""
        for number in range(self.plan.rounds):
            for each in self.taking_part():
                self.rounds[each].append({})
            for workload in measure.WORKLOADS:
                order = self.taking_part()
                turn = number % max(1, len(order))
                for contestant in order[turn:] + order[:turn]:
                    if workload in contestant.workloads:
                        self.measure_one(contestant, workload, number)

    def measure_one(self, contestant, workload, number):
        try:
            figures = measure.measure(contestant, workload, self.plan, self.children)
        except Failed as reason:
            self.skip(contestant, f"{workload}: {reason}")
            return
        finally:
            self.children.end_all()
        self.rounds[contestant][-1].update(figures)
        told = ", ".join(f"{key} {amount(value)}" for key, value in figures.items())
        say(f"round {number + 1} of {self.plan.rounds}, {workload}: {contestant.title}: {told}")

    def result(self, machine):
        return {
            "date": datetime.date.today().isoformat(),
            "machine": machine,
            "plan": {
                "rounds": self.plan.rounds,
                "seconds": self.plan.seconds,
                "backlog": self.plan.backlog,
                "rate": self.plan.rate,
                "callers": measure.CALLERS,
                "batch": measure.BATCH,
                "payload_bytes": measure.PAYLOAD_BYTES,
            },
            "figures": {key: {"unit": unit, "what": what} for key, (unit, what) in FIGURES.items()},
            "contestants": [
                {
                    "name": each.name,
                    "title": each.title,
                    "syncs": each.syncs,
                    "version": each.version(),
                    "setting": each.setting,
                    "figures": medians(self.rounds[each]),
                    "rounds": self.rounds[each],
                }
                for each in self.taking_part()
            ],
            "skipped": [
                {"name": each.name, "title": each.title, "reason": reason} for each, reason in self.skipped.items()
            ],
        }


def keep(result, directory):
    """Writes the raw result and its chart; the paths are the same wherever they lie."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "peers.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (directory / "peers.svg").write_text(chart(result), encoding="utf-8")


def publish(result):
    """Into the documentation."""
    keep(result, PUBLISHED)
    PAGE.write_text(placed(PAGE.read_text(encoding="utf-8"), page(result, PUBLISHED.name)), encoding="utf-8")


def positive(kind):
    """A reader of numbers of a kind, above zero."""

    def read(word):
        value = kind(word)
        if value <= 0:
            raise argparse.ArgumentTypeError(f"'{word}' is not above zero")
        return value

    read.__name__ = kind.__name__  # argparse names it in its message
    return read


def arguments():
    known = "\n".join(f"  {each.name:24}{each.title}" for each in CONTESTANTS.values())
    parser = argparse.ArgumentParser(
        prog="peers",
        description=__doc__,
        epilog=f"peers:\n{known}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("peer", nargs="*", metavar="PEER", help="only these (all), of the list below")
    parser.add_argument("--treadle", type=Path, help="Treadle's binary (build/release/treadle)")
    parser.add_argument(
        "--rounds", type=positive(int), default=5, help="how often everything is measured (5); medians are told"
    )
    parser.add_argument("--seconds", type=positive(float), default=4, help="of each measurement (4)")
    parser.add_argument("--backlog", type=positive(int), default=200_000, help="tasks that are drained (200000)")
    parser.add_argument(
        "--rate", type=positive(int), default=1000, help="tasks a second, while latency is measured (1000)"
    )
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()), help="on the disk of this directory")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument(
        "--publish", action="store_true", help="write table, chart and result into docs/; only with all peers"
    )
    options = parser.parse_args()
    for name in options.peer:
        if name not in CONTESTANTS:
            parser.error(f"there is no peer '{name}'; there are: {', '.join(CONTESTANTS)}")
    if options.publish and options.peer:
        parser.error("--publish is for a run of all peers")
    if not options.data.is_dir():
        parser.error(f"--data: '{options.data}' is no directory")
    return options


def main():
    options = arguments()
    if options.treadle:
        CONTESTANTS["treadle"].binary = options.treadle.resolve()
    if file_system(options.data) in ("tmpfs", "ramfs"):
        say(f"peers: {options.data} is in memory, where syncs cost nothing; --data names a directory on a disk")
    BUILT.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("peers: ended by SIGTERM"))
    plan = measure.Plan(options.rounds, options.seconds, options.backlog, options.rate, options.data.resolve())
    children = Children()
    run = Run([CONTESTANTS[name] for name in options.peer or CONTESTANTS], plan, children)
    try:
        run.install()
        machine = describe(options.data)
        run.measure()
        result = run.result(machine)
    except KeyboardInterrupt:
        say("peers: interrupted; what it started is ended")
        return 128 + signal.SIGINT
    finally:
        children.end_all()
    keep(result, BUILT)
    if options.publish:
        publish(result)
    print(json.dumps(result, ensure_ascii=False) if options.json else table(result))
    return 1 if run.skipped else 0


if __name__ == "__main__":
    sys.exit(main())
