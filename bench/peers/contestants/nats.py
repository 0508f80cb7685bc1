"""NATS JetStream: a work-queue stream on disk, and one pull consumer with explicit acknowledgement."""

import processes
from contestants.contestant import (
    BUILT,
    Contestant,
    Server,
    build_go_client,
    find,
    first_number,
    go_module_version,
    install_program,
)


class Nats(Contestant):
    name = "nats"
    title = "NATS JetStream, file"
    setting = (
        "file storage, `sync_interval` of 2 minutes (the default); a work-queue stream; `PublishAsync` and its "
        "futures for batches, `Publish` for single tasks; one pull consumer with explicit acknowledgement; callers "
        "share one connection, as advised"
    )
    client = (BUILT / "go_client", "nats")

    def install(self):
        install_program("nats-server", "peers-nats")
        build_go_client()

    def version(self):
        server = first_number([find("nats-server"), "--version"])
        return f"NATS {server}, nats.go {go_module_version('nats-io/nats.go')}"

    def start(self, home, children):
        port, log = processes.free_port(), home / "server.log"
        process = children.start(
            [find("nats-server"), "-a", "127.0.0.1", "-p", port, "-js", "-sd", home / "store"], log
        )
        processes.wait_until(lambda: processes.listens(port), process, "nats-server")
        return Server(process, port, home)


CONTESTANTS = [Nats()]
