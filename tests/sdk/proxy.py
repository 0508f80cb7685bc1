"""A network that breaks when it is told to."""

import socket
import threading


class Proxy:
    """Passes HTTP on to a server. `lose(path, count)`: the next answers to requests for paths that begin so are dropped,
    and their connections closed. `cut()`: all connections break; `refuse()`: new ones, too, until `allow()`."""

    def __init__(self, port):
        self.target = port
        self.lock = threading.Lock()
        self.to_lose, self.lost, self.requests = {}, 0, []
        self.is_refusing, self.open = False, set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.cut()

    def lose(self, path, count=1):
        with self.lock:
            self.to_lose[path] = self.to_lose.get(path, 0) + count

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
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

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

    def _drops(self, request):
        target = request.split(b" ", 2)[1].decode()
        with self.lock:
            for path, count in self.to_lose.items():
                if count > 0 and target.startswith(path):
                    self.to_lose[path] -= 1
                    self.lost += 1
                    return True
        return False

    def _serve(self, client):
        if self.is_refusing:
            client.close()
            return
        try:
            with client, socket.create_connection(("127.0.0.1", self.target)) as server:
                with self.lock:
                    self.open |= {client, server}
                asked, answers = client.makefile("rb"), server.makefile("rb")
                while request := self._message(asked):
                    self.requests.append(request)
                    server.sendall(request)
                    answer = self._message(answers)
                    if not answer or self._drops(request):
                        return
                    client.sendall(answer)
        except OSError:
            pass
        finally:
            with self.lock:
                self.open.discard(client)
