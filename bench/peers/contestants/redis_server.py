"""Redis as a server: what every contestant on Redis shares."""

import processes
from contestants.contestant import Server, find, first_number, install_program


def install():
    install_program("redis-server", "peers-redis")


def version():
    return f"Redis {first_number(['redis-server', '--version'])}"


def start(home, children, appendfsync):
    """With its append-only file, as its documentation advises for data that matters, and without snapshots."""
    port, log = processes.free_port(), home / "server.log"
    process = children.start(
        [
            find("redis-server"),
            "--port",
            port,
            "--bind",
            "127.0.0.1",
            "--dir",
            home,
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            appendfsync,
        ],
        log,
    )
    processes.wait_until(lambda: processes.listens(port), process, "redis-server")
    return Server(process, port, home)
