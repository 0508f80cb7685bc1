"""The commands of the documentation: finds a page's blocks, and runs them in a shell against a real server. The
script waits wherever a person would."""

import os
import re
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from treadle import BINARY, ROOT

# Commands that a page shows and no test types, with the reason. Whole lines.
NOT_RUN = {
    "apt-get install ./treadle_*.deb": "installs a package; `./dev package --verify` does so in a fresh root",
    "pip install ./treadle-*-manylinux_2_34_x86_64.whl": "needs a release; test `release` makes and installs one",
    "npm install ./treadle-[0-9]*.tgz ./treadle-linux-x64-*.tgz": "the same",
    "tar xzf treadle-*-linux-amd64.tar.gz": "the same",
    "pip install ./sdk/python": "needs PyPI for the build backend; test `sdk_python` runs the SDK and this program",
    "docker build -f deploy/Dockerfile -t treadle .": "needs Docker and a registry; `./dev image` builds the same by hand",
    "docker run -p 127.0.0.1:7373:7373 -v treadle-data:/var/lib/treadle treadle": "the same",
    './dev build && export PATH="$PWD/build/release:$PATH"': "builds the program that this test runs",
    "./dev run       # builds, starts Treadle, runs a real job on your files, stays up":
        "builds; test `e2e_demo` runs the same job",
    "./dev test      # builds, runs every test": "runs this test",
    "apt-get install ./treadle-dev_*.deb         # or: cmake --install build/release --component dev":
        "installs a package; test `sdk_examples` installs the component",
    "apt-get install cmake ninja-build g++ libgtest-dev libcpp-httplib-dev": "installs packages",
    "cmake -S examples -B build/examples -G Ninja && cmake --build build/examples": "test `sdk_examples` builds them this way",
    "./dev build && cmake --install build/release --component dev --prefix /usr/local":
        "installs; test `sdk_examples` installs to its own directory",
    "apt-get install nlohmann-json3-dev libsimdjson-dev libssl-dev": "installs packages",
}


def blocks(page, language):
    """The fenced blocks of a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), re.M | re.S)


def commands(page):
    """Everything that the page tells people to type, except for NOT_RUN."""
    lines = "".join(blocks(page, "sh")).splitlines(keepends=True)
    return "".join(line for line in lines if line.rstrip("\n") not in NOT_RUN)


def not_run(page):
    """The lines of the page that are in NOT_RUN."""
    return {line for block in blocks(page, "sh") for line in block.splitlines() if line in NOT_RUN}


def patient(script):
    """The script as typed by someone who waits for the server, for its end, and for the store."""
    ready = "treadle start &\nuntil treadle info > ready 2>&1; do kill -0 $!; done\n"
    killed = "kill -9 $!\nwait $! || true\n"
    listed = "until treadle task list | grep -q '^1-3 '; do :; done\ntreadle task list\n"
    for typed, waited in (("treadle start &\n", ready), ("kill -9 $!\n", killed), ("treadle task list\n", listed)):
        script = script.replace(typed, waited)
    return script


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def type_in(script, folder, expect=0):
    """Types the script into a shell in `folder` and returns what it printed. A server that the script starts gets its
    own address."""
    listen = f"127.0.0.1:{free_port()}"
    # A person leaves at the end, and ends everything that still runs in the background.
    leave = "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n"
    script = leave + patient(script).replace("localhost:7373", listen)
    path = f"{Path(BINARY).resolve().parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "HOME": str(folder), "NO_COLOR": "1", "TREADLE_SERVER": f"http://{listen}",
                   "TREADLE_SERVER__LISTEN": listen}
    bash = subprocess.Popen(["bash", "-e"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            cwd=folder, env=environment, start_new_session=True)
    try:
        out, err = bash.communicate(script, timeout=90)
    finally:
        with suppress(ProcessLookupError):  # left behind by a failure
            os.killpg(bash.pid, signal.SIGKILL)
    assert bash.returncode == expect, f"{script}\n{out}\n{err}"
    return out
