"""Plays the scenarios of scenarios.yaml with the driver of an SDK.

    conformance.py DRIVER WORDS...       all scenarios, one line each; exit status 1 if any fails

The SDK speaks to the real server ($TREADLE) through a proxy that can lose answers. A test of the SDK calls `play` for each of
`scenarios()`.
"""

import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TIMEOUT_MS = 30_000
COMMANDS = ("type", "payload", "payload_base64", "content_type", "payloads", "options", "task", "timeout_ms", "value", "concurrency")


def _load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


e2e = _load("e2e_of_conformance", ROOT / "tests/e2e/treadle.py")
Proxy = _load("proxy_of_conformance", HERE / "proxy.py").Proxy


def scenarios():
    return yaml.safe_load((HERE / "scenarios.yaml").read_text(encoding="utf-8"))


class Driver:
    """The SDK's own program."""

    def __init__(self, command, env=None):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=env)

    def ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the driver ended at {command}"
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Play:
    """One scenario."""

    def __init__(self, driver, server, proxy, queue):
        self.driver, self.server, self.proxy, self.names = driver, server, proxy, {"QUEUE": queue}

    def filled(self, value):
        """With what $NAME and $NAME[i] stand for."""
        if isinstance(value, dict):
            return {self.filled(key): self.filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        if not isinstance(value, str) or "$" not in value:
            return value

        def look(found):
            kept = self.names[found.group(1)]
            return str(kept[int(found.group(2))] if found.group(2) else kept)

        return re.sub(r"\$(\w+)(?:\[(\d+)\])?", look, value)

    def step(self, step):
        if "do" in step:
            return self.command(step)
        if "state" in step:
            return self.state(self.filled(step["state"]), self.filled(step["is"]))
        if "lose" in step:
            return self.proxy.lose(step["lose"], step["count"])
        if "hand" in step:
            answer = self.server.call(step["hand"].upper(), self.filled(step["path"]), step["body"])
            assert answer.status < 300, answer
        elif "server" in step:
            self.server.kill()
            self.server.restart()
        elif "queue" in step:
            queue = self.server.queue(self.names["QUEUE"])
            assert {name: queue[name] for name in step["queue"]} == step["queue"], queue
        elif "log" in step:
            text = self.server.get(f"/v1/tasks/{self.filled(step['log'])}/log").body.decode()
            for each in step["has"]:
                assert each in text, text
        else:
            raise AssertionError(f"unknown step {step}")

    def command(self, step):
        words = {name: self.filled(step[name]) for name in COMMANDS if name in step}
        if step["do"] == "result":
            words.setdefault("timeout_ms", TIMEOUT_MS)
        if "until" in step:
            e2e.until(lambda: self.driver.ask(do=step["do"], **words)["ok"], lambda found: fits(found, self.filled(step["until"])))
            return
        answer = self.driver.ask(do=step["do"], **words)
        if "error" in step:
            assert fits(answer.get("error"), step["error"]), (step, answer)
            return
        assert "ok" in answer, (step, answer)
        if "as" in step:
            self.names[step["as"]] = answer["ok"]
        if "equals" in step:
            expected = self.filled(step["equals"])
            assert answer["ok"] == expected and type(answer["ok"]) is type(expected), (step, answer)

    def state(self, task, expected):
        e2e.until(lambda: self.server.task(task), lambda found: fits(found, expected))


def fits(found, expected):
    """Whether all that is expected is there; other fields may be, too."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(fits(found.get(name), each) for name, each in expected.items())
    return found == expected


def play(scenario, driver, server, queue):
    """Fails if the SDK does anything else than the scenario says. The driver may play another one afterwards."""
    with Proxy(server.port) as proxy:
        assert "ok" in driver.ask(do="hello", server=proxy.url, queue=queue)
        each = Play(driver, server, proxy, queue)
        for step in scenario["steps"]:
            each.step(step)
        assert "ok" in driver.ask(do="stop")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    failed = 0
    with tempfile.TemporaryDirectory() as place:
        server = e2e.Server(Path(place) / "data", log=Path(place) / "log").start()
        driver = Driver(sys.argv[1:])
        for i, scenario in enumerate(scenarios()):
            try:
                play(scenario, driver, server, f"conformance-{i}")
                print("ok    ", scenario["name"])
            except AssertionError as error:
                failed += 1
                print("FAILED", scenario["name"], error)
                driver.close()
                driver = Driver(sys.argv[1:])
        driver.close()
        server.kill()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
