"""A network that breaks when it is told to."""

import json
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path


class Fault:
    """What happens to some answers on their way. `takes` counts: it is asked once for each request."""

    sends = 1  # how often the server gets the request

    def __init__(self, path, count=1, marker=b""):
        self.path, self.left, self.marker = path, count, marker

    def takes(self, request):
        if self.left <= 0 or not is_for(request, self.path) or self.marker not in request:
            return False
        self.left -= 1
        return True

    def deliver(self, request, answer, client):
        """Whether the connection lasts."""
        client.sendall(answer)
        return True


class Lose(Fault):
    def deliver(self, request, answer, client):
        return False


class RepeatRequest(Fault):
    """The server gets it twice, and the client the second answer."""

    sends = 2


class RepeatAnswer(Fault):
    def deliver(self, request, answer, client):
        client.sendall(answer + answer)
        return True


class Slow(Fault):
    """The answer comes late, and a few bytes at a time."""

    def __init__(self, path, count, marker, seconds):
        super().__init__(path, count, marker)
        self.seconds = seconds

    def deliver(self, request, answer, client):
        pieces = [answer[at:at + 7] for at in range(0, len(answer), 7)]
        for each in pieces:
            time.sleep(self.seconds / len(pieces))
            client.sendall(each)
        return True


class Damage(Fault):
    """One answer has something else in it."""

    def __init__(self, path, marker, old, new):
        super().__init__(path, 1, marker)
        self.old, self.new = old, new

    def takes(self, request):
        return self.left > 0 and is_for(request, self.path) and self.marker in request

    def deliver(self, request, answer, client):
        if self.old in answer:
            self.left, answer = 0, answer.replace(self.old, self.new)
        return super().deliver(request, answer, client)


class CutEverywhere(Fault):
    """Answers that contain `holds` end early: the first behind no byte, the next behind one, and so on until one is shorter
    than that. A request that is sent again is not cut again."""

    def __init__(self, path, marker, holds):
        super().__init__(path, 1, marker)
        self.holds, self.at, self.known, self.lock = holds, 0, set(), threading.Lock()

    def takes(self, request):
        return self.left > 0 and is_for(request, self.path) and self.marker in request and identity(request) not in self.known

    def deliver(self, request, answer, client):
        with self.lock:
            cut_at = self.at
            if self.holds not in answer or self.left <= 0 or cut_at >= len(answer):
                self.left = 0 if self.holds in answer else self.left
                return super().deliver(request, answer, client)
            self.at += 1
            self.known.add(identity(request))
        client.sendall(answer[:cut_at])
        return False


def is_for(request, path):
    return request.split(b" ", 2)[1].decode().startswith(path)


def identity(request):
    """The same for a request that is sent again: an exchange may renew other leases then."""
    body = request.partition(b"\r\n\r\n")[2]
    if is_for(request, "/v1/exchange"):
        fields = json.loads(body)
        return fields["incarnation"], fields["sequence"]
    return body


def make_certificate(place, name="certificate", names="DNS:localhost,IP:127.0.0.1"):
    """A certificate that nobody trusts who was not told to, for these names, and its key: two files."""
    certificate, key = Path(place) / f"{name}.pem", Path(place) / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=treadle test", "-addext", f"subjectAltName={names}", "-out", certificate, "-keyout", key],
                   check=True, capture_output=True)
    return certificate, key


class Proxy:
    """Passes HTTP on to a server; with TLS if it has a certificate. `lose(path, count)`: the next answers to requests for paths that begin so are dropped,
    and their connections closed. `add(fault)`: any other. `cut()`: all connections break; `refuse()`: new ones, too, until
    `allow()`."""

    def __init__(self, port, certificate=None, key=None):
        self.target = port
        self.tls = None
        if certificate is not None:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificate, key)
        self.lock = threading.Lock()
        self.faults, self.lost, self.requests = [], 0, []
        self.is_refusing, self.open = False, set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.cut()

    def add(self, fault):
        with self.lock:
            self.faults.append(fault)

    def lose(self, path, count=1, marker=b""):
        self.add(Lose(path, count, marker))

    def refuse(self):
        self.is_refusing = True
        self.cut()

    def allow(self):
        self.is_refusing = False

    def cut(self):
        with self.lock:
            sockets, self.open = list(self.open), set()
        for each in sockets:
            try:
                socket.socket.shutdown(each, socket.SHUT_RDWR)  # with TLS: without its goodbye
            except OSError:
                pass

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _secured(self, client):
        """Its handshake fails if the client does not trust this proxy, or speaks no TLS."""
        try:
            return self.tls.wrap_socket(client, server_side=True)
        except OSError:
            client.close()
            raise

    @staticmethod
    def _message(stream):
        head, length = b"", 0
        while not head.endswith(b"\r\n\r\n"):
            line = stream.readline()
            if not line:
                return b""
            head += line
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return head + stream.read(length)

    def _fault(self, request):
        with self.lock:
            for each in self.faults:
                if each.takes(request):
                    self.lost += isinstance(each, Lose)
                    return each
        return Fault("")

    def _serve(self, client):
        if self.is_refusing:
            client.close()
            return
        try:
            if self.tls:
                client = self._secured(client)
            with client, socket.create_connection(("127.0.0.1", self.target)) as server:
                with self.lock:
                    self.open |= {client, server}
                asked, answers = client.makefile("rb"), server.makefile("rb")
                while request := self._message(asked):
                    self.requests.append(request)
                    fault = self._fault(request)
                    for _ in range(fault.sends):
                        server.sendall(request)
                        answer = self._message(answers)
                    if not answer or not fault.deliver(request, answer, client):
                        return
        except OSError:
            pass
        finally:
            with self.lock:
                self.open.discard(client)
