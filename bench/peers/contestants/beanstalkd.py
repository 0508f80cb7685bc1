"""beanstalkd: put, reserve, delete, over bare sockets with pipelining."""

import processes
from contestants.contestant import BUILT, Contestant, Server, build_native_client, find, first_number, install_program


class Beanstalkd(Contestant):
    consumers = 2  # more of them are slower
    client = (BUILT / "native_client", "beanstalkd")

    def __init__(self, name, title, syncs, setting):
        self.name, self.title, self.syncs = name, title, syncs
        self.setting = (
            f"{setting}; bare sockets, batches are pipelined `put`; 2 consumers pipeline 100 `reserve` and `delete`"
        )

    def install(self):
        install_program("beanstalkd", "peers-beanstalkd")
        build_native_client()

    def version(self):
        return f"beanstalkd {first_number([find('beanstalkd'), '-v'])}"

    def start(self, home, children):
        port, log = processes.free_port(), home / "server.log"
        journal = ["-b", home, "-f", 0] if self.syncs else []
        process = children.start([find("beanstalkd"), "-l", "127.0.0.1", "-p", port, *journal], log)
        processes.wait_until(lambda: processes.listens(port), process, "beanstalkd")
        return Server(process, port, home)


CONTESTANTS = [
    Beanstalkd("beanstalkd-memory", "beanstalkd, memory only", False, "no `-b`: nothing outlives the process"),
    Beanstalkd("beanstalkd-sync", "beanstalkd, sync each write", True, "`-b` with `-f 0`: fsync at each write"),
]
