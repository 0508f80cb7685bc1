"""RabbitMQ: a quorum queue of one node, publisher confirms, manual acknowledgement."""

import os

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


class RabbitMq(Contestant):
    name = "rabbitmq-quorum"
    title = "RabbitMQ, quorum queue"
    syncs = True
    setting = (
        "a quorum queue (fsync of its log before each confirm), one node, no plugins; persistent messages, publisher "
        "confirms; 8 consumers with a prefetch of 300 (100 to 300 is advised), each delivery acknowledged by itself; "
        "8 channels a connection"
    )
    client = (BUILT / "go_client", "rabbitmq")

    def install(self):
        install_program("rabbitmq-server", "peers-rabbitmq")
        build_go_client()

    def version(self):
        server = first_number(["dpkg-query", "-W", "-f=${Version}", "rabbitmq-server"])
        return f"RabbitMQ {server}, amqp091-go {go_module_version('rabbitmq/amqp091-go')}"

    def start(self, home, children):
        """With a port mapper (epmd) of its own, which would outlive it otherwise."""
        port, mapper_port = processes.free_port(), processes.free_port()
        (home / "rabbitmq.conf").write_text(f"listeners.tcp.default = 127.0.0.1:{port}\n", encoding="utf-8")
        (home / "plugins").write_text("[].\n", encoding="utf-8")
        environment = {
            **os.environ,
            "HOME": str(home),
            "ERL_EPMD_PORT": str(mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "peers@localhost",
            "RABBITMQ_DIST_PORT": str(processes.free_port()),
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
        }
        mapper = children.start([find("epmd"), "-address", "127.0.0.1", "-port", mapper_port], home / "epmd.log")
        processes.wait_until(lambda: processes.listens(mapper_port), mapper, "epmd")
        process = children.start(["/usr/lib/rabbitmq/bin/rabbitmq-server"], home / "server.log", env=environment)
        processes.wait_until(lambda: processes.listens(port), process, "rabbitmq-server")
        return Server(process, port, home)


CONTESTANTS = [RabbitMq()]
