"""What an outsider can see of a server and do to it: its process, and raw connections."""

import json
import os
import re
import resource
import socket
from pathlib import Path

from treadle import until

OWN_FILES = 8  # files a server may open for itself meanwhile: a segment, the store's log
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Process:
    """The process of a running server."""

    def __init__(self, server):
        self.pid = server.process.pid

    def memory_kib(self, what="VmRSS"):
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{what}:\s+(\d+) kB", status, re.MULTILINE).group(1))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_s(self):
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def request(method, path, body=None, length=None):
    """The bytes of a request. `length` replaces the true length of `body`."""
    body = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
    if body or length:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body) if length is None else length}\r\n"
    return head.encode() + b"\r\n" + body


def connect(server, receive_bytes=None):
    """A connection. The system buffers at most about `receive_bytes` of unread data for it."""
    each = socket.socket()
    if receive_bytes:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    each.settimeout(30)
    each.connect(("127.0.0.1", server.port))
    return each


class Line:
    """A connection that stays open: the operator's, which must be served whatever the others do."""

    def __init__(self, server):
        self.socket = connect(server)
        self.file = self.socket.makefile("rb")

    def call(self, method, path, body=None):
        """Returns the status and the body of the answer."""
        self.socket.sendall(request(method, path, body))
        return read_answer(self.file)

    def metric(self, name):
        status, text = self.call("GET", "/metrics")
        assert status == 200
        return float(re.search(rf"^{re.escape(name)} (\S+)$", text.decode(), re.MULTILINE).group(1))

    def until_metric(self, name, fits):
        return until(lambda: self.metric(name), fits)


def read_answer(file):
    """Returns the status and the body of the next answer on a connection, or (None, b"") if the connection ends
    first."""
    try:
        first = file.readline()
        if not first:
            return None, b""
        length = 0
        while (header := file.readline().strip()):
            name, _, value = header.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        return int(first.split()[1]), file.read(length)
    except ConnectionError:
        return None, b""


def is_closed(connection):
    """Waits until the server closes the connection. False if it sends something instead."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def raise_descriptor_limit(wanted):
    """Returns how many files this process may open now, at most about `wanted`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    may = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < may:
        resource.setrlimit(resource.RLIMIT_NOFILE, (may, hard))
    return may
