"""What producers and workers of Celery share: one task, which writes down when it was due and when it started."""

import os
import struct
import time

from celery import Celery

RECORD = struct.Struct("qq")  # when it was due and when it started, in nanoseconds of the monotonic clock
STARTED = "TREADLE_PEERS_STARTED"  # names the file of records

app = Celery("peers", broker=f"redis://127.0.0.1:{os.environ['TREADLE_PEERS_PORT']}/0")
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=128,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)


class Records:
    """The file; each process opens it for itself, and writes whole records to its end."""

    file = None

    @classmethod
    def add(cls, due_ns):
        if cls.file is None:
            cls.file = os.open(os.environ[STARTED], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(cls.file, RECORD.pack(due_ns, time.monotonic_ns()))


@app.task
def start(payload):
    Records.add(int(payload.partition(" ")[0]))
