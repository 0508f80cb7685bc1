"""Redis lists by the pattern of the reliable queue: LPUSH; (B)LMOVE to a list of the consumer's own; LREM from it."""

from contestants import redis_server
from contestants.contestant import BUILT, Contestant, build_native_client


class RedisLists(Contestant):
    name = "redis-lists-always"
    title = "Redis lists, always"
    syncs = True
    setting = (
        "append-only file, `appendfsync always`; raw hiredis without job semantics; a batch is one `LPUSH`; 8 "
        "consumers pipeline `LMOVE` to a list of their own, then `LREM` from its end"
    )
    client = (BUILT / "native_client", "redis-lists")

    def install(self):
        redis_server.install()
        build_native_client()

    def version(self):
        return redis_server.version()

    def start(self, home, children):
        return redis_server.start(home, children, "always")


CONTESTANTS = [RedisLists()]
