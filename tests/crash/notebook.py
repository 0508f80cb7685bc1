"""A notebook: the append-only file in which one client writes what it is about to do and which answers it got.

A client writes a line before it sends the request, and writes an answer before it acts on it. So a killed client may
have received an answer that nobody will ever know about. But every answer in its notebook did arrive, and everything
that the client may have caused is there as an intention.

Every line is a JSON object with `kind`, `t` (CLOCK_MONOTONIC, when it was written), and for answers `asked`, when the
request was first sent. An answer written at `t` holds for every request sent later than `t`.
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
    """Follows a growing notebook: each call of `new()` returns the lines since the last one."""

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
