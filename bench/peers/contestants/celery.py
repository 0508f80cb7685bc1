"""Celery: its own prefork worker, on Redis."""

import processes
from contestants import redis_server
from contestants.contestant import BUILT, CLIENTS, INSTALL_LOG, Contestant, first_number, install_packages

INSTALLED = BUILT / "celery"
PYTHON = INSTALLED / "bin/python"
REQUIREMENTS = CLIENTS / "celery/requirements.txt"


class Celery(Contestant):
    name = "celery"
    title = "Celery on Redis, everysec"
    setting = (
        "append-only file with `appendfsync everysec`; results ignored, `acks_late`, a prefetch multiplier of 128 "
        "(advised for many short tasks), no gossip, no mingle, no heartbeat; a prefork worker with a process for "
        "each core; it has no batches: a process for each core enqueues in a loop over one connection"
    )
    client = (PYTHON, "-B", CLIENTS / "celery/client.py")

    def install(self):
        redis_server.install()
        stamp = INSTALLED / "installed.txt"
        if stamp.exists() and stamp.read_text(encoding="utf-8") == REQUIREMENTS.read_text(encoding="utf-8"):
            return
        install_packages("peers-celery")
        processes.run(["/usr/bin/python3", "-m", "venv", INSTALLED], INSTALL_LOG)
        processes.run([PYTHON, "-m", "pip", "install", "--quiet", "-r", REQUIREMENTS], INSTALL_LOG)
        stamp.write_text(REQUIREMENTS.read_text(encoding="utf-8"), encoding="utf-8")

    def version(self):
        return f"Celery {first_number([PYTHON, '-m', 'celery', '--version'])}, {redis_server.version()}"

    def start(self, home, children):
        return redis_server.start(home, children, "everysec")


CONTESTANTS = [Celery()]
