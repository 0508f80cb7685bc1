"""BullMQ: its Queue and Worker in one Node process, on Redis."""

import json
import shutil

import processes
from contestants import redis_server
from contestants.contestant import BUILT, CLIENTS, INSTALL_LOG, Contestant, first_number, install_program

INSTALLED = BUILT / "bullmq"


class BullMq(Contestant):
    name = "bullmq"
    title = "BullMQ on Redis, everysec"
    setting = (
        "append-only file with `appendfsync everysec` and no eviction, as its guide to production says; `addBulk` "
        "for batches; one worker with a concurrency of 100; jobs are removed when they are completed"
    )
    client = ("node", INSTALLED / "client.mjs")

    def install(self):
        redis_server.install()
        install_program("npm", "peers-node")
        INSTALLED.mkdir(exist_ok=True)
        for name in ("client.mjs", "package.json"):
            shutil.copy(CLIENTS / "bullmq" / name, INSTALLED)
        if any(self.installed(package) != version for package, version in self.wanted().items()):
            processes.run(
                ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"], INSTALL_LOG, cwd=INSTALLED
            )

    def wanted(self):
        """{package: version}."""
        return json.loads((CLIENTS / "bullmq/package.json").read_text(encoding="utf-8"))["dependencies"]

    def installed(self, package):
        """Its version, or None."""
        path = INSTALLED / "node_modules" / package / "package.json"
        return json.loads(path.read_text(encoding="utf-8"))["version"] if path.exists() else None

    def version(self):
        return f"BullMQ {self.wanted()['bullmq']}, Node {first_number(['node', '--version'])}, {redis_server.version()}"

    def start(self, home, children):
        return redis_server.start(home, children, "everysec")


CONTESTANTS = [BullMq()]
