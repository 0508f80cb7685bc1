"""River: jobs as rows of PostgreSQL, by its own client and worker in Go."""

import os
import shutil
import subprocess
from pathlib import Path

import processes
from contestants.contestant import (
    BUILT,
    Contestant,
    Server,
    build_go_client,
    first_number,
    go_module_version,
    install_packages,
)


def program(name):
    """A program of the newest PostgreSQL that is installed; they are not in the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return found[-1] if found else name


def memory_mib(share):
    """A share of this machine's memory."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(total * share / 2**20)


class River(Contestant):
    name = "river"
    title = "River on PostgreSQL"
    syncs = True
    memory_tells = False  # most of PostgreSQL's is a cache of a fixed size
    setting = (
        "`synchronous_commit` on (the default), a quarter of the memory as `shared_buffers`, `max_wal_size` 4 GB; "
        "`InsertManyFast` for batches; a worker with up to 1,000 jobs at once and a fetch cooldown of 2 ms"
    )
    client = (BUILT / "go_client", "river")

    def install(self):
        if not Path(program("initdb")).is_absolute():
            install_packages("peers-postgresql")
        build_go_client()

    def version(self):
        server = first_number([program("postgres"), "--version"])
        return f"PostgreSQL {server}, River {go_module_version('riverqueue/river')}"

    def start(self, home, children):
        """As the user postgres when this is run by root, whom PostgreSQL refuses."""
        port, log, data = processes.free_port(), home / "server.log", home / "data"
        user = {}
        if os.geteuid() == 0:
            user = {"user": "postgres"}
            shutil.chown(home, "postgres")
        processes.run(
            [program("initdb"), "--auth=trust", "--username=peers", "--no-sync", "--pgdata", data], log, **user
        )
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": home,
            "shared_buffers": f"{memory_mib(1 / 4)}MB",
            "max_wal_size": "4GB",
            "max_connections": 100,
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        process = children.start([program("postgres"), "-D", data, "-p", port, *words], log, **user)
        ready = [program("pg_isready"), "--quiet", "--host", "127.0.0.1", "--port", str(port)]
        processes.wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, process, "postgres")
        return Server(process, port, home)


CONTESTANTS = [River()]
