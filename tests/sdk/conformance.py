"""Plays the scenarios of scenarios.yaml with the driver of an SDK.

    conformance.py DRIVER WORDS...       all scenarios, one line each; exit status 1 if any fails
    conformance.py -k TEXT DRIVER ...    those that have TEXT in their name
    conformance.py --plain DRIVER ...    without TLS, for an SDK that does not speak it

The SDK speaks to the real server ($TREADLE) through a proxy that breaks what a scenario says. Several scenarios are played at
the same time, each with a server and a driver that no other uses meanwhile. `play_all` does it for a test of the SDK. Scenarios
with `tls: true` are played a second time, through a proxy with TLS.
"""

import importlib.util
import json
import mmap
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TIMEOUT_MS = 30_000
LANES = 4
COMMANDS = ("type", "payload", "payload_base64", "content_type", "payloads", "options", "task", "timeout_ms", "value",
            "concurrency", "grace_ms", "workers", "state", "tag")


def _load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


e2e = _load("e2e_of_conformance", ROOT / "tests/e2e/treadle.py")
network = _load("proxy_of_conformance", HERE / "proxy.py")
Proxy = network.Proxy


def scenarios(with_tls=True):
    plain = yaml.safe_load((HERE / "scenarios.yaml").read_text(encoding="utf-8"))
    secured = [{**each, "name": f"{each['name']}, through TLS"} for each in plain if each.get("tls") and with_tls]
    return [{**each, "tls": False} for each in plain] + secured


class CannotPlay(Exception):
    """The scenario needs what this driver does not have; why."""


class Clock:
    """The wall clock of processes that are started with `env`."""

    def __init__(self, place):
        library, path = Path(place) / "clock.so", Path(place) / "clock"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, HERE / "clock.c"], check=True)
        path.write_bytes(bytes(8))
        self.env = {"LD_PRELOAD": str(library), "TREADLE_TEST_CLOCK": str(path)}
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 8)

    def set(self, seconds):
        self.map[:] = struct.pack("q", seconds)


class Driver:
    """The SDK's own program."""

    def __init__(self, command, env=None, errors=None):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
                                        encoding="utf-8", env={**os.environ, **(env or {})})

    def ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the driver ended at {command}"
        return json.loads(line)

    def close(self):
        """Its exit status, or None if it had to be killed."""
        try:
            self.process.stdin.close()
            return self.process.wait(10)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            self.process.kill()
            self.process.wait()
            return None
        finally:
            self.process.stdout.close()


class Lane:
    """A server, a driver and a clock, for one scenario after the other."""

    def __init__(self, place, command):
        self.place, self.command, self.driver = Path(place), list(command), None
        self.place.mkdir(exist_ok=True)
        self.clock = Clock(self.place)
        self.certificate, self.key = network.make_certificate(self.place)
        self.env = {**self.clock.env, "TREADLE_CA_FILE": str(self.certificate)}
        self.server = e2e.Server(self.place / "data", log=self.place / "log").start()

    def ask(self, **command):
        if self.driver is None:
            self.errors = open(self.place / "stderr", "ab")
            self.driver = Driver(self.command, self.env, self.errors)
        return self.driver.ask(**command)

    def end_driver(self):
        if self.driver is not None:
            driver, self.driver = self.driver, None
            status = driver.close()
            self.errors.close()
            return status

    def close(self):
        self.end_driver()
        self.server.kill()


class Play:
    """One scenario."""

    def __init__(self, lane, proxy, queue):
        self.lane, self.server, self.proxy, self.names = lane, lane.server, proxy, {"QUEUE": queue}
        self.marker = f'"{queue}"'.encode()  # in the exchanges of the pool without a name
        self.programs = {}

    def filled(self, value):
        """With what $NAME and $NAME[i] stand for, $chars and $numbers."""
        if isinstance(value, dict):
            if "$chars" in value:
                return "x" * value["$chars"]
            if "$numbers" in value:
                return list(range(value["$numbers"]))
            if "$times" in value:
                return [value["of"]] * value["$times"]
            if "$each" in value:
                return {each: value["is"] for each in self.filled(value["$each"])}
            if "$has" in value:
                return value  # for fits()
            return {self.filled(key): self.filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        if not isinstance(value, str) or "$" not in value:
            return value
        if value[1:] in self.names:
            return self.names[value[1:]]

        def look(found):
            kept = self.names[found.group(1)]
            return str(kept[int(found.group(2))] if found.group(2) else kept)

        return re.sub(r"\$(\w+)(?:\[(\d+)\])?", look, value)

    def step(self, step):
        verb = next(iter(step))
        getattr(self, f"_{verb}")(self.filled(step[verb]), step)

    # ---- commands of the driver ----

    def _do(self, name, step):
        words = {each: self.filled(step[each]) for each in COMMANDS if each in step}
        if name == "result":
            words.setdefault("timeout_ms", TIMEOUT_MS)
        if "until" in step:
            e2e.until(lambda: self.lane.ask(do=name, **words)["ok"], lambda found: fits(found, self.filled(step["until"])))
        elif "lines" in step:
            self.lines(self.filled(step["lines"]))
        elif name == "list" and step.get("equals"):  # lists follow the tasks, a second later where the disk is busy
            e2e.until(lambda: self.lane.ask(do=name, **words).get("ok"), lambda found: found == self.filled(step["equals"]))
        else:
            self.check(step, self.lane.ask(do=name, **words))

    def check(self, step, answer):
        if "error" in step:
            assert fits(answer.get("error"), step["error"]), (step, answer)
            return
        assert "ok" in answer, (step, answer)
        if "as" in step:
            self.names[step["as"]] = answer["ok"]
        if "fits" in step:
            assert fits(answer["ok"], self.filled(step["fits"])), (step, answer)
        if "equals" in step:
            expected = self.filled(step["equals"])
            assert answer["ok"] == expected and type(answer["ok"]) is type(expected), (step, str(answer)[:500])

    def lines(self, patterns):
        """Each pattern is one line that the worker wrote, and no other line is about its task."""
        def are_there(lines):
            return all(any(re.fullmatch(each, line) for line in lines) for each in patterns)

        lines = e2e.until(lambda: self.lane.ask(do="lines")["ok"], are_there)
        assert len(lines) == len(set(lines)), lines

    # ---- the server ----

    def _state(self, task, step):
        e2e.until(lambda: self.server.task(task), lambda found: fits(found, self.filled(step["is"])))

    def _hand(self, method, step):
        answer = self.server.call(method.upper(), self.filled(step["path"]), step["body"])
        assert answer.status < 300, answer

    def _server(self, _, step):
        self.server.kill()
        self.server.restart()

    def _queue(self, expected, step):
        e2e.until(lambda: self.server.queue(self.names["QUEUE"]), lambda found: fits(found, expected))

    def _log(self, task, step):
        text = self.server.get(f"/v1/tasks/{task}/log").body.decode()
        for each in step["has"]:
            assert each in text, text

    # ---- the network ----

    def _lose(self, path, step):
        self.proxy.lose(path, step["count"], self.marker_for(path))

    def _repeat(self, path, step):
        kind = network.RepeatRequest if step["what"] == "request" else network.RepeatAnswer
        self.proxy.add(kind(path, step["count"], self.marker_for(path)))

    def _slow(self, path, step):
        self.proxy.add(network.Slow(path, step["count"], self.marker_for(path), step["ms"] / 1000))

    def _damage(self, path, step):
        self.proxy.add(network.Damage(path, self.marker_for(path), step["from"].encode(), step["to"].encode()))

    def _cut(self, path, step):
        self.cutter = network.CutEverywhere(path, self.marker_for(path), step["holds"].encode())
        self.proxy.add(self.cutter)

    def _cuts(self, _, step):
        assert self.cutter.left == 0 and self.cutter.at > 100, f"no answer was cut behind byte {self.cutter.at}"

    def _network(self, how, step):
        if how == "away":
            self.proxy.refuse()
            threading.Timer(step["ms"] / 1000, self.proxy.allow).start()
        else:
            self.proxy.cut()

    def marker_for(self, path):
        return self.marker if path == "/v1/exchange" else b""

    # ---- processes ----

    def _program(self, name, step):
        """A worker as a program runs it, straight to the server."""
        log = self.lane.place / f"{self.names['QUEUE']}-{name}.log"
        words = [*self.lane.command, "worker", self.server.url, self.names["QUEUE"], str(step["grace_ms"])]
        with open(log, "wb") as out:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.programs[name] = process, log

    def _signal(self, name, step):
        self.programs[step["to"]][0].send_signal(getattr(signal, name))

    def _says(self, name, step):
        e2e.until(lambda: self.programs[name][1].read_text(errors="replace"), lambda text: re.search(self.filled(step["has"]), text))

    def _ended(self, name, step):
        process, log = self.programs[name]
        status = e2e.until(process.poll, lambda status: status is not None)
        assert status == step["status"], (status, log.read_text(errors="replace"))

    def _leave(self, _, step):
        status = self.lane.end_driver()
        assert status == 0, f"the driver ended with {status}"

    def _clock(self, seconds, step):
        before = self.lane.ask(do="now")["ok"]
        self.lane.clock.set(seconds)
        moved = self.lane.ask(do="now")["ok"] - before
        if seconds != 0 and abs(moved) < 1_000_000:
            raise CannotPlay("programs of this language do not ask the C library for the time")

    def close(self):
        self.lane.clock.set(0)
        for process, log in self.programs.values():
            if process.poll() is None:
                print("still running:", log.read_text(errors="replace"))
                process.kill()
                process.wait()


def fits(found, expected):
    """Whether all that is expected is there; other fields may be, too."""
    if isinstance(expected, dict):
        if "$has" in expected:
            return isinstance(found, str) and expected["$has"] in found
        return isinstance(found, dict) and all(fits(found.get(name), each) for name, each in expected.items())
    return found == expected


def play(scenario, lane, queue):
    """Fails if the SDK does anything else than the scenario says. The lane may play another one afterwards."""
    tls = (lane.certificate, lane.key) if scenario["tls"] else ()
    with Proxy(lane.server.port, *tls) as proxy:
        each = Play(lane, proxy, queue)
        try:
            assert "ok" in lane.ask(do="hello", server=proxy.url, queue=queue)
            for step in scenario["steps"]:
                each.step(step)
        finally:
            each.close()
        if lane.driver is not None:
            assert lane.ask(do="stop") == {"ok": None}


def play_all(command, named="", tell=lambda *_: None, with_tls=True):
    """Plays the scenarios with the driver `command`. `tell(name, error, seconds)`; error: None, or what went wrong. Returns how
    many failed."""
    waiting = [(i, each) for i, each in enumerate(scenarios(with_tls)) if named in each["name"]]
    waiting.sort(key=lambda each: -each[1].get("seconds", 0))
    lock, failed = threading.Lock(), []

    def work(lane_number, place):
        lane = None
        while True:
            with lock:
                if not waiting:
                    break
                number, scenario = waiting.pop(0)
            begun, error = time.monotonic(), None
            try:
                lane = lane or Lane(Path(place) / str(lane_number), command)
                play(scenario, lane, f"conformance-{number}")
            except BaseException as caught:  # the next scenario gets a new driver
                error = caught
                if lane is not None:
                    lane.end_driver()
            with lock:
                if error is not None and not isinstance(error, CannotPlay):
                    failed.append(scenario["name"])
                tell(scenario["name"], error, time.monotonic() - begun)
        if lane is not None:
            lane.close()

    with tempfile.TemporaryDirectory() as place:
        lanes = [threading.Thread(target=work, args=(i, place)) for i in range(LANES)]
        for each in lanes:
            each.start()
        for each in lanes:
            each.join()
    return len(failed)


def main():
    words = sys.argv[1:]
    with_tls = words[:1] != ["--plain"]
    words = words if with_tls else words[1:]
    named = words[1] if words[:1] == ["-k"] else ""
    if not (command := words[2:] if named else words):
        sys.exit(__doc__)

    def tell(name, error, seconds):
        if isinstance(error, CannotPlay):
            print(f"left    {seconds:5.2f} s  {name}: {error}", flush=True)
        elif error is not None:
            print(f"FAILED  {seconds:5.2f} s  {name}\n{type(error).__name__}: {error}", flush=True)
        else:
            print(f"ok      {seconds:5.2f} s  {name}", flush=True)

    sys.exit(1 if play_all(command, named, tell, with_tls) else 0)


if __name__ == "__main__":
    main()
