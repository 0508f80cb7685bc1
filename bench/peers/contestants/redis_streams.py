"""Redis streams: XADD; XREADGROUP by consumers of one group; XACK and XDEL, so that what is done does not stay."""

from contestants import redis_server
from contestants.contestant import BUILT, Contestant, build_native_client


class RedisStreams(Contestant):
    workloads = ("batched", "single", "drain", "unpipelined", "latency")
    client = (BUILT / "native_client", "redis-streams")

    def __init__(self, appendfsync):
        self.appendfsync, self.syncs = appendfsync, appendfsync == "always"
        self.name = f"redis-streams-{appendfsync}"
        self.title = f"Redis streams, {appendfsync}"
        self.setting = (
            f"append-only file, `appendfsync {appendfsync}`; raw hiredis without job semantics; batches are "
            "pipelined `XADD`; 8 consumers of one group read 100 at a time, `XACK` and `XDEL` ride along with the "
            "next `XREADGROUP`"
        )

    def install(self):
        redis_server.install()
        build_native_client()

    def version(self):
        return redis_server.version()

    def start(self, home, children):
        return redis_server.start(home, children, self.appendfsync)


CONTESTANTS = [RedisStreams("everysec"), RedisStreams("always")]
