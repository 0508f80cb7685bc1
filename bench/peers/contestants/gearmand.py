"""gearmand: background jobs, grabbed and completed over bare sockets with pipelining."""

import processes
from contestants.contestant import BUILT, Contestant, Server, build_native_client, find, first_number, install_program


class Gearmand(Contestant):
    name = "gearmand"
    title = "gearmand, memory only"
    setting = (
        "no persistent queue (the default): nothing outlives the process; bare sockets, batches are pipelined "
        "background jobs; 8 workers pipeline 100 `GRAB_JOB` and `WORK_COMPLETE`"
    )
    client = (BUILT / "native_client", "gearmand")

    def install(self):
        install_program("gearmand", "peers-gearmand")
        build_native_client()

    def version(self):
        return f"gearmand {first_number([find('gearmand'), '--version'])}"

    def start(self, home, children):
        port, log = processes.free_port(), home / "server.log"
        words = ["--listen=127.0.0.1", f"--port={port}", "--log-file=stderr"]
        process = children.start([find("gearmand"), *words], log)
        processes.wait_until(lambda: processes.listens(port), process, "gearmand")
        return Server(process, port, home)


CONTESTANTS = [Gearmand()]
