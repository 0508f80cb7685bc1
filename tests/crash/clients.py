"""The client processes of a crash test, forked so that each one can be killed, stopped and continued separately."""

import os
import signal
import sys
import traceback

from api import now
from by_hand import Operator
from producer import Producer
from worker import Worker

PRODUCERS = ("p0", "p1", "p2")
WORKERS = ("w0", "w1", "w2")


class Client:
    """One process. Its notebook outlives it, and the next life of the same name continues it."""

    def __init__(self, make, path, rng):
        self.make, self.path, self.rng, self.process, self.wakes = make, path, rng, None, None

    def start(self):
        seed = self.rng.getrandbits(32)
        self.process = os.fork()
        if self.process == 0:
            self._live(seed)

    def _live(self, seed):
        """Runs in the child and never returns."""
        status, ends = 1, []
        try:
            signal.signal(signal.SIGTERM, lambda *_: ends.append(True))
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            self.make(self.path, seed, lambda: not ends).run()
            status = 0
        except BaseException:  # report whatever it was; the child must not continue as a second driver
            traceback.print_exc(file=sys.stderr)
        finally:
            sys.stderr.flush()
            os._exit(status)

    def kill(self):
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        self.wakes = None

    def stop_until(self, moment):
        os.kill(self.process, signal.SIGSTOP)
        self.wakes = moment

    def wake(self):
        if self.wakes is not None:
            os.kill(self.process, signal.SIGCONT)
        self.wakes = None

    def end(self):
        """Asks the process to end. Returns its exit status."""
        self.wake()
        os.kill(self.process, signal.SIGTERM)
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])

    def has_died(self):
        return os.waitpid(self.process, os.WNOHANG)[0] != 0


class Clients:
    """All clients, and the faults they suffer."""

    def __init__(self, port, directory, rng):
        def book(name):
            return os.path.join(directory, name + ".history")

        def producer(name):
            return lambda path, seed, goes_on: Producer(port, path, name, seed, goes_on)

        def worker(name):
            return lambda path, seed, goes_on: Worker(port, path, name, seed, goes_on)

        books = [book(name) for name in PRODUCERS]
        self.producers = [Client(producer(name), book(name), rng) for name in PRODUCERS]
        self.workers = [Client(worker(name), book(name), rng) for name in WORKERS]
        self.operator = Client(lambda path, seed, goes_on: Operator(port, path, books, seed, goes_on),
                               book("operator"), rng)
        self.all = [*self.producers, *self.workers, self.operator]
        self.rng, self.killed, self.stopped = rng, 0, 0

    def start(self):
        for client in self.all:
            client.start()

    def trouble(self, lease_s):
        """Once a round: kills one client, which comes back, or stops it for longer than a lease lasts."""
        for client in self.all:
            if client.wakes is not None and client.wakes < now():
                client.wake()
        client, draw = self.rng.choice(self.all), self.rng.randrange(4)
        if draw <= 1:
            client.kill()
            client.start()
            self.killed += 1
        elif draw == 2 and client.wakes is None:
            client.stop_until(now() + lease_s * self.rng.uniform(1.1, 2))
            self.stopped += 1

    def end(self):
        """True if all clients ended successfully."""
        for client in self.all:
            client.wake()
        return all([client.end() == 0 for client in self.all])

    def kill(self):
        for client in self.all:
            try:
                client.kill()
            except (ChildProcessError, ProcessLookupError):
                pass  # it is already gone
