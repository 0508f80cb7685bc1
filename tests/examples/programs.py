"""Runs programs of examples/ as their readers would: with a worker, against a real server."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from treadle import BINARY, until  # noqa: E402

EXAMPLES = ROOT / "examples"
BUILD = Path(os.environ.get("TREADLE_BUILD") or ROOT / "build/release")
PYTHON = "/usr/bin/python3"
PYTHON_SDK = {"PYTHONPATH": str(ROOT / "sdk/python"), "PYTHONDONTWRITEBYTECODE": "1"}
WORKER = "-m", "treadle", "worker"  # what `treadle-worker` runs


class Program:
    """One that runs until it is stopped. What it prints goes to `log`."""

    def __init__(self, log, *command, cwd, **environment):
        self.log = Path(log)
        with open(log, "ab") as out:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd,
                                            env={**os.environ, **environment}, start_new_session=True)

    @property
    def text(self):
        return self.log.read_text(errors="replace")

    def until_it_prints(self, *lines, deadline_s=60):
        def all_there():
            printed = self.text
            assert self.process.poll() is None or all(line in printed for line in lines), f"the program ended:\n{printed}"
            return all(line in printed for line in lines)

        until(all_there, deadline_s=deadline_s)

    def stop(self):
        """Asks it to end, and ends what it left behind."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=30)
        finally:
            self.kill()

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


def run(*command, cwd=None, timeout=300, **environment):
    """What a command prints to its standard output; it must succeed."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, env={**os.environ, **environment}, text=True, timeout=timeout,
                          capture_output=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build_typescript_sdk(package):
    """The npm package of the SDK, compiled into the directory `package` as `npm run build` does."""
    sdk, compiler = ROOT / "sdk/typescript", ROOT / "build/typescript/node_modules/typescript/bin/tsc"
    package.mkdir(parents=True)
    shutil.copy(sdk / "package.json", package)
    run("node", compiler, "-p", sdk, "--outDir", package / "dist", "--typeRoots", ROOT / "build/typescript/node_modules/@types")
    return package


def node_project(place, files, *packages):
    """A project in the directory `place`: copies of files, and packages to import (directories by their names)."""
    (place / "node_modules").mkdir(parents=True)
    for file in files:
        shutil.copy(file, place)
    for package in packages:
        (place / "node_modules" / package.name).symlink_to(package)
    return place


def build_go_program(source, program):
    """Compiles the package in the directory `source` to a file."""
    cache = {} if "GOCACHE" in os.environ else {"GOCACHE": str(BUILD / "go-cache")}
    run("go", "build", "-o", program, ".", cwd=source, GOFLAGS="-buildvcs=false", GOTOOLCHAIN="local", **cache)
    return program


__all__ = ["BINARY", "BUILD", "EXAMPLES", "PYTHON", "PYTHON_SDK", "ROOT", "WORKER", "Program", "build_go_program", "build_typescript_sdk",
           "node_project", "run", "until"]
