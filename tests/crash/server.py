"""The server under test, as a process that can be killed at any moment."""

import os
import signal
import subprocess
import time

from api import Api


class Unready(Exception):
    """The server ended, or did not answer in time."""


class Server:
    def __init__(self, treadle, directory, port, options=(), environment=None):
        self.command = [treadle, "server", "--data", directory, "--listen", f"127.0.0.1:{port}", *options]
        self.directory, self.port, self.process = directory, port, None
        self.environment = environment or {}
        self.log_path = directory + ".log"

    def start(self, **environment):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log,
                                            env={**os.environ, **self.environment, **environment})

    def kill(self):
        self.process.kill()
        return self.process.wait()

    def stop(self, seconds=60):
        """Stops the server in an orderly way. Returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def has_ended(self):
        return self.process.poll() is not None

    def wait_ready(self, seconds=60):
        deadline, api = time.monotonic() + seconds, Api(self.port, timeout_s=5)
        while time.monotonic() < deadline:
            if self.has_ended():
                raise Unready(f"the server ended with status {self.process.returncode}; see {self.log_path}")
            answer = api.call("GET", "/v1/info")
            if answer and answer[0] == 200:
                api.close()
                return
            time.sleep(0.01)
        raise Unready(f"the server did not become ready in {seconds} s; see {self.log_path}")

    def last_words(self):
        """The last line that it logged."""
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return (log.read().strip().splitlines() or [""])[-1]
