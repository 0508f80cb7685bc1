"""How the crash tests call a server: over one kept-alive connection, without assumptions about missing answers."""

import http.client
import json
import socket
import time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def now():
    """Seconds of CLOCK_MONOTONIC, which all processes of a machine share."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


class Gone(Exception):
    """The server ended unexpectedly."""


class Damaged(Exception):
    """The server reports damaged data."""


class Api:
    """One connection. Any call may go unanswered; the caller decides whether to repeat it."""

    def __init__(self, port, timeout_s=10):
        self.port, self.timeout_s, self.connection = port, timeout_s, None
        self.is_there = lambda: True  # whether an answer may still come

    def call(self, method, path, body=None):
        """The status and the JSON of the answer, or None without an answer."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout_s)
            data = None if body is None else json.dumps(body)
            self.connection.request(method, path, data, {"content-type": "application/json"} if data else {})
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        except (OSError, http.client.HTTPException, ValueError):
            self.close()
            return None

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def until_answered(self, method, path, body=None, goes_on=lambda: True):
        """Repeats the call until there is an answer. None when `goes_on()` is false."""
        while goes_on():
            answer = self.call(method, path, body)
            if answer is not None:
                if answer[0] == 500 and answer[1].get("code") == "DATA_LOSS":
                    raise Damaged(answer[1]["detail"])
                return answer
            if not self.is_there():
                raise Gone
            time.sleep(0.01)
        return None
