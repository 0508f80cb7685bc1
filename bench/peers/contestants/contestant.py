"""What a contestant is: how its server and its client are installed, started and set, and what it says of itself."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import processes

ROOT = Path(__file__).resolve().parents[3]
CLIENTS = Path(__file__).resolve().parents[1] / "clients"
BUILT = ROOT / "build/peers"  # what is installed for the comparison, and nothing else
INSTALL_LOG = BUILT / "install.log"


@dataclass
class Server:
    """One that runs: its process, the port of 127.0.0.1 where clients find it, its directory."""

    process: subprocess.Popen
    port: int
    home: Path


class Contestant:
    """One row of the comparison. A subclass for each; those that differ in a setting alone are instances of one class.

    Attributes: `name` on the command line, `title` in the table, `syncs` (whether every acknowledgement waits until the
    disk has it), `setting` (in words: what was set, and what its documentation says of it), `client` (the words that
    run its client), `consumers` (how many drain at once), `workloads` (of measure.WORKLOADS), `memory_tells` (whether
    its memory grows with what is queued), `measures_itself` (has a method `measure` instead of a client).
    """

    syncs = False
    memory_tells = True
    measures_itself = False
    consumers = 8
    workloads = ("batched", "single", "drain", "latency")

    def install(self):
        """Installs what is missing, quickly when nothing is. Failed if it cannot be had here."""
        raise NotImplementedError

    def version(self):
        """Of server and client, in words."""
        raise NotImplementedError

    def start(self, home, children):
        """A Server that answers, with its files in the empty directory `home`."""
        raise NotImplementedError


def install_packages(group):
    """The Debian packages of a group of scripts/packages.txt that are missing; their services stay off."""
    processes.run([ROOT / "scripts/setup.sh", group], INSTALL_LOG)


def install_program(program, group):
    """The same, unless the machine has the program already, from wherever."""
    if not find(program):
        install_packages(group)


def find(program):
    """Where a program is, or None. Servers live in sbin, which not everybody has in the PATH."""
    return shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")


def first_number(command):
    """The first version number that a command prints, such as 7.0.15."""
    ran = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    found = re.search(r"\d+\.\d+(\.\d+)*", ran.stdout + ran.stderr)
    return found[0] if found else "unknown"


def build_native_client():
    """Compiles the C++ client of Redis, beanstalkd and gearmand, when its sources are newer."""
    install_packages("peers-native")
    program, sources = BUILT / "native_client", sorted((CLIENTS / "native").glob("*"))
    if not program.exists() or any(each.stat().st_mtime > program.stat().st_mtime for each in sources):
        processes.run(
            [
                "g++",
                "-std=c++20",
                "-O2",
                "-Wall",
                "-Wextra",
                "-o",
                program,
                *(each for each in sources if each.suffix == ".cc"),
                "-lhiredis",
                "-pthread",
            ],
            INSTALL_LOG,
        )


def build_go_client():
    """Compiles the Go client of Faktory, NATS, RabbitMQ and River; Go does nothing when nothing changed."""
    if not find("go"):
        raise processes.Failed(
            f"its client needs Go {in_go_mod('go ')} or newer in the PATH; Debian 12 has an older one"
        )
    processes.run(["go", "build", "-o", BUILT / "go_client", "."], INSTALL_LOG, cwd=CLIENTS / "go")


def in_go_mod(words):
    """The version that stands behind these words in the Go client's go.mod."""
    text = (CLIENTS / "go/go.mod").read_text(encoding="utf-8")
    return re.search(rf"{re.escape(words)}(\d\S+)", text)[1]


def go_module_version(module):
    """The version of a Go module that the client is built with."""
    return in_go_mod(f"{module} v")
