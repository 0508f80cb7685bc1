"""Faktory: a job server on a Redis of its own, by its official client in Go."""

import processes
from contestants import redis_server
from contestants.contestant import (
    BUILT,
    CLIENTS,
    INSTALL_LOG,
    Contestant,
    Server,
    build_go_client,
    go_module_version,
)

PROGRAM = BUILT / "faktory"


class Faktory(Contestant):
    name = "faktory"
    title = "Faktory"
    setting = (
        "`-e development` (no password), its own Redis as it sets it: snapshots every 30 s of changes, no append-only "
        "file; `PushBulk` for batches; 20 connections that fetch a job and acknowledge it, as many as its official "
        "worker has by itself"
    )
    client = (BUILT / "go_client", "faktory")

    def install(self):
        redis_server.install()
        build_go_client()
        processes.run(
            ["go", "build", "-o", PROGRAM, "github.com/contribsys/faktory/cmd/faktory"], INSTALL_LOG, cwd=CLIENTS / "go"
        )

    def version(self):
        return f"Faktory {go_module_version('contribsys/faktory')}, {redis_server.version()}"

    def start(self, home, children):
        port, web, log = processes.free_port(), processes.free_port(), home / "server.log"
        process = children.start(
            [
                PROGRAM,
                "-e",
                "development",
                "-l",
                "warn",
                "-b",
                f"127.0.0.1:{port}",
                "-w",
                f"127.0.0.1:{web}",
                "-d",
                home / "data",
                "-c",
                home / "config",
            ],
            log,
        )
        processes.wait_until(lambda: processes.listens(port), process, "faktory")
        return Server(process, port, home)


CONTESTANTS = [Faktory()]
