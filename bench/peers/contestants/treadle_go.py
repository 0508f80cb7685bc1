"""Treadle by its Go SDK: what a program in Go gets, beside the peers whose client is in Go."""

import urllib.error
import urllib.request

import processes
from contestants import treadle
from contestants.contestant import BUILT, Contestant, Server, build_go_client


def is_ready(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
            return True
    except (urllib.error.URLError, OSError):
        return False


class TreadleGo(Contestant):
    name = "treadle-go"
    title = "Treadle, Go SDK"
    syncs = True
    setting = (
        "default settings of the server: `fsync` before each acknowledgement; `EnqueueMany` for batches; a worker with "
        "100 slots and a handler that does nothing; callers do not share requests when each call has one task"
    )
    client = (BUILT / "go_client", "treadle")

    def install(self):
        treadle.CONTESTANTS[0].install()
        build_go_client()

    def version(self):
        return f"{treadle.CONTESTANTS[0].version()}, its Go SDK"

    def start(self, home, children):
        port = processes.free_port()
        words = ["server", "--data", home / "data", "--listen", f"127.0.0.1:{port}"]
        process = children.start([treadle.CONTESTANTS[0].binary, *words], home / "server.log")
        processes.wait_until(lambda: is_ready(port), process, "treadle")
        return Server(process, port, home)


CONTESTANTS = [TreadleGo()]
