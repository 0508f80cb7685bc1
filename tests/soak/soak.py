#!/usr/bin/python3
"""The soak: everything that clients do, at half of maximum speed, for as long as requested. Checks that the server
stays stable.

It starts its own server and runs a plain load of `treadle bench cycle` (batches of 100, and a worker that completes
them). Next to it runs the mix (mix.py): keys, delays, priorities, failures, retries, dead letters, redrives,
cancellations, edits, deletions, steps, checkpoints, logs, lists, searches, renewals, pauses, long polls. First it
measures the maximum for some seconds, with the mix. Then it runs half of that, or --rate, and takes a sample every
few seconds. At the end the load stops, all waiting work is done, and

  - slopes are fitted to the samples after the warm-up (see slopes.py) and printed; from 10 minutes on they are judged;
  - the accounts must be right: everything accepted has ended, by the clients' records and by the server's counters.

Exit status 0: flat and right (for less than 10 minutes: right). 1: not.
Example: soak.py --treadle build/release/treadle --minutes 60
"""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

import treadle  # noqa: E402
from sampling import PROBE, Probe, Sampler  # noqa: E402
from slopes import Bound, judge  # noqa: E402

BATCH, CALLERS = 100, 2
MAXIMUM_S = 8  # how long the maximum is measured
JUDGED_FROM_MINUTES = 10
SAMPLES = 360  # about this many, but at most one a second

# The allowed growth after the warm-up. Latency depends on the whole machine, so its bounds are wide.
BOUNDS = {
    "resident_mib": Bound(share=0.05, amount=8),
    "descriptors": Bound(share=0, amount=2),
    "threads": Bound(share=0, amount=0),
    "journal_mib": Bound(share=0.05, amount=33),  # room for one segment that comes and goes
    "store_mib": Bound(share=0.05, amount=4),
    "waiting_tasks": Bound(share=0.2, amount=1_000),
    "cpu_cores": Bound(share=0.2, amount=0.1),
    "enqueue_p50_ms": Bound(share=0.25, amount=1),
    "enqueue_p99_ms": Bound(share=0.5, amount=10),
}


class Children:
    """Processes that must not outlive this program."""

    def __init__(self):
        self.all = []

    def start(self, *command, **options):
        self.all.append(subprocess.Popen([str(word) for word in command], text=True, **options))
        return self.all[-1]

    def end(self):
        for child in self.all:
            if child.poll() is None:
                child.kill()
                child.wait()


def say(text):
    print(text, file=sys.stderr, flush=True)


def cycle(children, server, seconds, rate=None):
    """Starts `treadle bench cycle`."""
    words = ["--rate", max(1, round(rate / BATCH))] if rate else []
    return children.start(treadle.BINARY, "bench", "cycle", "--server", server.url, "--batch", BATCH, "--callers", CALLERS,
                          "--duration", f"{seconds:.0f}s", "--json", *words, stdout=subprocess.PIPE)


def result_of(child):
    out, _ = child.communicate()
    if child.returncode != 0:
        raise SystemExit(f"soak: {' '.join(child.args)} ended with status {child.returncode}")
    return json.loads(out)


def run_for(seconds, load, mix, server, sampler):
    """Samples until the load ends. A child or a server that ends early ends the soak."""
    every_s, samples = max(1.0, seconds / SAMPLES), []
    said = time.monotonic()
    while load.poll() is None:
        try:
            load.wait(every_s)
            break  # the last sample would cover less time than the others
        except subprocess.TimeoutExpired:
            pass
        if mix.poll() is not None or server.process.poll() is not None:
            raise SystemExit(f"soak: {'the mix' if mix.poll() is not None else 'the server'} ended early; see {server.log_path}")
        samples.append(sampler.sample())
        if time.monotonic() - said > 60:
            said = time.monotonic()
            at, values = samples[-1]
            say(f"{at / 60:5.1f} min  " + "  ".join(f"{name} {value:.4g}" for name, value in values.items()))
    return samples


def accounts(server, loads, mixed, probe):
    """Returns what is wrong with the accounts; empty if nothing is."""
    wrong = []

    def check(name, left, right):
        if left != right:
            wrong.append(f"{name}: {left} and {right}")

    queues = {queue["name"]: queue for queue in server.get("/v1/queues").json["queues"]}
    for name, queue in queues.items():
        check(f"{name}: accepted, and kept or removed", queue["accepted"], sum(queue["tasks"].values()) + sum(queue["removed"].values()))
        check(f"{name}: what waits", sum(queue["tasks"][state] for state in ("scheduled", "ready", "running", "retrying")), 0)
        check(f"{name}: dead letters", queue["tasks"]["dead"], 0)

    def accepted(prefix):
        return sum(queue["accepted"] for name, queue in queues.items() if name.startswith(prefix))

    check("plain load: done by the client, and accepted", sum(load["tasks"] for load in loads), accepted("bench-"))
    check("probes: told, and accepted", probe.enqueued, accepted(PROBE))
    check("probes: told, and completed", probe.enqueued, probe.completed)
    check("mix: told, and accepted", mixed["accepted"], accepted("soak.") - accepted(PROBE))
    check("mix: accepted, and ended", mixed["accepted"], mixed["ended"])
    check("mix: lost", mixed["lost"], 0)
    check("mix: nothing waits", mixed["nothing_waits"], True)
    check("failures", mixed["failures"] + probe.failures, [])
    return wrong


def soak(arguments, children, directory):
    server = treadle.Server(directory / "data", log=directory / "server.log")
    server.start()
    children.all.append(server.process)
    mix = children.start(sys.executable, "-B", Path(__file__).parent / "mix.py", server.port, arguments.seed,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    loads, maximum = [], None
    if not arguments.rate:
        loads.append(result_of(cycle(children, server, arguments.maximum_seconds)))
        maximum = loads[-1]["per_s"]
    rate, seconds = arguments.rate or maximum / 2, arguments.minutes * 60
    say(f"{f'maximum {maximum:.0f} tasks/s; ' if maximum else ''}{rate:.0f} tasks/s and the mix for {arguments.minutes:g} minutes")
    probe = Probe(server.port)
    sampler = Sampler(server, probe)
    try:
        load = cycle(children, server, seconds, rate)
        samples = run_for(seconds, load, mix, server, sampler)
        loads.append(result_of(load))
    finally:
        probe.finish()
    mixed = json.loads(mix.communicate()[0])
    wrong = accounts(server, loads, mixed, probe)
    status = server.stop()
    if status != 0:
        wrong.append(f"the server ended with status {status}")
    return {"minutes": arguments.minutes, "seed": arguments.seed, "maximum_per_s": maximum, "rate_per_s": rate,
            "plain_tasks": sum(load["tasks"] for load in loads), "mix": mixed, "probes": probe.enqueued, "wrong": wrong,
            "samples": samples}


def judged(report):
    """The verdicts for all bounded numbers, in the order of BOUNDS. Leaves out those with too few samples."""
    samples = report["samples"]
    series = {name: [(at, values[name]) for at, values in samples if name in values] for name in BOUNDS}
    return [verdict for name, points in series.items() if (verdict := judge(name, points, BOUNDS[name]))]


def tell(report, verdicts, is_judged):
    mixed = report["mix"]
    print(f"{report['plain_tasks']} plain tasks, {mixed['accepted']} of the mix, {report['probes']} probes, "
          f"{sum(mixed['operations'].values())} calls and reports of {len(mixed['operations'])} kinds")
    print(f"{'':16} {'begin':>10} {'end':>10} {'slope/h':>10} {'growth':>10} {'allowed':>10}")
    for v in verdicts:
        word = "" if not is_judged else "flat" if v.flat else "NOT FLAT"
        print(f"{v.name:16} {v.begin:10.2f} {v.end:10.2f} {v.slope_per_hour:10.3f} {v.growth:10.3f} {v.allowed:10.3f}  {word}")
    for each in report["wrong"]:
        print(f"wrong: {each}")
    if not is_judged:
        print(f"slopes are judged from {JUDGED_FROM_MINUTES} minutes on")


def main():
    parser = argparse.ArgumentParser(prog="soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--treadle", required=True, help="the server's binary")
    parser.add_argument("--minutes", type=float, default=60, help="how long the load runs (60)")
    parser.add_argument("--rate", type=float, help="plain tasks a second, instead of half the maximum")
    parser.add_argument("--maximum-seconds", type=float, default=MAXIMUM_S, help=f"how long the maximum is measured ({MAXIMUM_S})")
    parser.add_argument("--data", help="put the data directory on the disk of this directory")
    parser.add_argument("--samples", help="write all samples to this file, one JSON object per line")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    treadle.BINARY = str(Path(arguments.treadle).resolve())
    say(f"seed {arguments.seed}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("soak: ended by SIGTERM"))
    children, directory = Children(), Path(tempfile.mkdtemp(prefix="treadle-soak-", dir=arguments.data))
    try:
        report = soak(arguments, children, directory)
    finally:
        children.end()
    samples, verdicts = report["samples"], judged(report)
    is_judged = arguments.minutes >= JUDGED_FROM_MINUTES and len(verdicts) == len(BOUNDS)
    good = not report["wrong"] and (not is_judged or all(each.flat for each in verdicts))
    if arguments.samples:
        Path(arguments.samples).write_text("".join(json.dumps({"s": round(at, 1), **values}) + "\n" for at, values in samples))
    if arguments.json:
        print(json.dumps({**report, "samples": len(samples), "slopes": [vars(each) for each in verdicts],
                          "judged": is_judged, "good": good}))
    else:
        tell(report, verdicts, is_judged)
    if good:
        shutil.rmtree(directory)
    else:
        say(f"the data directory and the server's log are kept in {directory}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
