"""Treadle by its SDKs for Python, TypeScript and Go: what programs in these languages get, beside Celery, BullMQ and River."""

import urllib.error
import urllib.request

import processes
from contestants import treadle
from contestants.contestant import (
    BUILT,
    CLIENTS,
    INSTALL_LOG,
    ROOT,
    Contestant,
    Server,
    build_go_client,
    first_number,
    install_program,
)

COMPILED = BUILT / "treadle-typescript"
COMPILER = ROOT / "build/typescript/node_modules/typescript/bin/tsc"


def is_ready(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
            return True
    except (urllib.error.URLError, OSError):
        return False


class TreadleSdk(Contestant):
    syncs = True
    server_setting = "default settings of the server: `fsync` before each acknowledgement; "

    def install(self):
        treadle.CONTESTANTS[0].install()

    def start(self, home, children):
        port = processes.free_port()
        words = ["server", "--data", home / "data", "--listen", f"127.0.0.1:{port}"]
        process = children.start([treadle.CONTESTANTS[0].binary, *words], home / "server.log")
        processes.wait_until(lambda: is_ready(port), process, "treadle")
        return Server(process, port, home)


class TreadlePython(TreadleSdk):
    name = "treadle-python"
    title = "Treadle, Python SDK"
    setting = TreadleSdk.server_setting + (
        "a process for each core, as Celery has, with producers in threads or one worker with 100 slots; "
        "`enqueue_many` for batches"
    )
    client = ("/usr/bin/python3", "-B", CLIENTS / "treadle/client.py")

    def version(self):
        python = first_number(["/usr/bin/python3", "--version"])
        return f"{treadle.CONTESTANTS[0].version()}, its Python SDK, Python {python}"


class TreadleTypeScript(TreadleSdk):
    name = "treadle-typescript"
    title = "Treadle, TypeScript SDK"
    setting = TreadleSdk.server_setting + (
        "one Node process, as BullMQ has; `enqueueMany` for batches; one worker with a concurrency of 100; callers share "
        "requests, as the client does by default"
    )
    client = ("node", CLIENTS / "treadle/client.mjs", COMPILED)

    def install(self):
        super().install()
        install_program("node", "peers-node")
        if not COMPILER.exists():
            raise processes.Failed(f"there is no {COMPILER}; scripts/setup.sh test installs it")
        project = ROOT / "sdk/typescript/tsconfig.json"
        processes.run(["node", COMPILER, "-p", project, "--outDir", COMPILED], INSTALL_LOG)

    def version(self):
        return f"{treadle.CONTESTANTS[0].version()}, its TypeScript SDK, Node {first_number(['node', '--version'])}"


class TreadleGo(TreadleSdk):
    name = "treadle-go"
    title = "Treadle, Go SDK"
    setting = TreadleSdk.server_setting + (
        "`EnqueueMany` for batches; a worker with 100 slots and a handler that does nothing; callers do not share requests "
        "when each call has one task"
    )
    client = (BUILT / "go_client", "treadle")

    def install(self):
        super().install()
        build_go_client()

    def version(self):
        return f"{treadle.CONTESTANTS[0].version()}, its Go SDK"


CONTESTANTS = [TreadlePython(), TreadleTypeScript(), TreadleGo()]
