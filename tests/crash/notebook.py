"""A notebook: the append-only file in which one client writes what it is about to do and what it was told.

A line is written before the request that it speaks of is sent, and before anything follows from an answer. So a client
that is killed may have been told something that nobody will ever know of, but nothing that stands in its notebook was
not told, and whatever it may have caused stands there as an intention.

Every line is a JSON object: `kind`, `t` (CLOCK_MONOTONIC, when it was written), and for answers `asked`, when the
request was sent for the first time. What was told at `t` holds for whatever was asked later than `t`.
"""

import json
import os

from api import now


class Notebook:
    def __init__(self, path):
        self.path = path
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, kind, **fields):
        line = json.dumps({"kind": kind, "t": now(), **fields}) + "\n"
        written = os.write(self.file, line.encode())
        assert written == len(line), "the history could not be written"


class Reader:
    """Follows a notebook that grows: each call of `new()` gives the lines since the last one."""

    def __init__(self, path):
        self.path, self.offset = path, 0

    def new(self):
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self.offset += len(whole)
        return [json.loads(line) for line in whole.splitlines()]


def read(path):
    return Reader(path).new()
