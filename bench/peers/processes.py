"""Processes that must not outlive a run: started in sessions of their own, ended with all that they started."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

START_S = 60  # so long may a server take until it answers
END_S = 15  # and so long to end when asked


class Failed(Exception):
    """A sentence about what went wrong with one contestant; the others go on."""


def free_port():
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tail_of(path, lines=20):
    return "\n".join(Path(path).read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def run(command, log, **options):
    """Runs a command to its end, its output appended to the file `log`; Failed with its last lines if it fails."""
    words = [str(word) for word in command]
    with open(log, "a", encoding="utf-8") as out:
        print(f"$ {' '.join(words)}", file=out, flush=True)
        try:
            ran = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False, **options)
        except FileNotFoundError as missing:
            raise Failed(f"{words[0]} is not installed") from missing
    if ran.returncode != 0:
        raise Failed(f"{words[0]} ended with status {ran.returncode}; the last lines of {log}:\n{tail_of(log)}")


class Children:
    """All that this run has started and not ended yet."""

    def __init__(self):
        self.all = []

    def start(self, command, log, stdout=None, **options):
        """Begins a command; what it says goes to the file `log`, or its standard output to `stdout`."""
        words = [str(word) for word in command]
        with open(log, "a", encoding="utf-8") as out:
            try:
                child = subprocess.Popen(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=stdout or out,
                    stderr=out,
                    text=True,
                    start_new_session=True,
                    **options,
                )
            except FileNotFoundError as missing:
                raise Failed(f"{words[0]} is not installed") from missing
        child.log = Path(log)
        self.all.append(child)
        return child

    def end(self, child):
        """Asks it to end, and makes it; whatever it started goes with it."""
        everyone = descendants(child.pid)
        signal_all([child.pid], signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(END_S)
        signal_all([child.pid, *everyone], signal.SIGKILL)
        child.wait()
        self.all.remove(child)

    def end_all(self):
        for child in reversed(list(self.all)):
            self.end(child)


def signal_all(pids, number):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def wait_until(answers, child, what):
    """Returns when `answers()` is true; Failed when the child ends before, or takes longer than START_S."""
    end = time.monotonic() + START_S
    while not answers():
        if child.poll() is not None:
            raise Failed(f"{what} ended with status {child.returncode}:\n{tail_of(child.log)}")
        if time.monotonic() > end:
            raise Failed(f"{what} did not answer within {START_S} s:\n{tail_of(child.log)}")
        time.sleep(0.05)


def listens(port):
    """Whether somebody takes connections on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def relations():
    """{pid: (pid of its parent, its session)} of all processes of the machine."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue  # it has just ended
            parent, _, session = map(int, stat.rpartition(")")[2].split()[1:4])
            found[int(entry.name)] = parent, session
    return found


def descendants(pid):
    """The pids of all that a child started, directly or not. If it has ended: those still in its session."""
    related, found = relations(), [pid]
    for each in found:
        found += [
            other
            for other, (parent, session) in related.items()
            if other not in found and (parent == each or session == pid)
        ]
    return found[1:]


def memory_bytes(pid):
    """Resident memory of a process and all that it started, in bytes. What several of them share counts once (Pss)."""
    total = 0
    for each in [pid, *descendants(pid)]:
        try:
            rollup = Path(f"/proc/{each}/smaps_rollup").read_text(encoding="utf-8")
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0) * 1024
    return total


def settled_memory_bytes(pid, longest_s=5):
    """The same, once two looks half a second apart differ by less than 1 %, or after `longest_s`."""
    end, before = time.monotonic() + longest_s, memory_bytes(pid)
    while time.monotonic() < end:
        time.sleep(0.5)
        now = memory_bytes(pid)
        if abs(now - before) < before / 100:
            return now
        before = now
    return before
