"""Where servers are: addresses and tokens, from options and from the environment."""

from __future__ import annotations

import os
import re
from typing import NamedTuple, Sequence

from .errors import InvalidArgumentError

DEFAULT = "http://127.0.0.1:7373"
_NAME = re.compile(r"[0-9A-Za-z._-]+\Z")
_IPV6 = re.compile(r"[0-9A-Za-z._:%-]+\Z")
_TOKEN = re.compile(r"[\x21-\x7e\x80-\U0010ffff]*\Z")


class Address(NamedTuple):
    """One server, and how it is spoken to."""

    host: str
    port: int
    is_tls: bool = False
    ca_file: str = ""  # whom to trust; "": those of the system's store

    @property
    def authority(self) -> str:
        """As the header `Host` has it."""
        if ":" not in self.host:
            return f"{self.host}:{self.port}"
        return f"[{self.host.partition('%')[0]}]:{self.port}"

    @property
    def url(self) -> str:
        """As people write it."""
        return f"{'https' if self.is_tls else 'http'}://{self.authority}"


def parse_address(text: str) -> Address:
    """`http://HOST:PORT` or `https://HOST:PORT`; the scheme may be missing, and so may the port:
    7373, or 443 with https. Raises InvalidArgumentError."""
    is_tls = text.startswith("https://")
    default_port = "443" if is_tls else "7373"
    rest = text[8:] if is_tls else text[7:] if text.startswith("http://") else text
    rest = rest[:-1] if rest.endswith("/") else rest
    if rest.startswith("["):
        host, bracket, rest = rest[1:].partition("]")
        if not bracket:
            raise _unreadable(text, "its '[' is not closed")
        if not _IPV6.match(host) or ":" not in host:
            raise _unreadable(text, "what is in brackets is no IPv6 address")
        if rest and not rest.startswith(":"):
            raise _unreadable(text, "behind its ']' there is no port")
        port = rest[1:] if rest else default_port
    else:
        host, colon, port = rest.partition(":")
        port = port if colon else default_port
        if not _NAME.match(host):
            raise _unreadable(text, "it names no host")
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise _unreadable(text, "its port is not a number from 1 to 65535")
    return Address(host, int(port), is_tls)


def _unreadable(text: str, why: str) -> InvalidArgumentError:
    shown = text.rpartition("@")[2]  # a name and password before an @ are not repeated
    return InvalidArgumentError(
        f'cannot read the server address "{shown}": {why}; write http://HOST:PORT or '
        "https://HOST:PORT",
        field="servers",
    )


def resolve_servers(
    servers: str | Sequence[str] | None, ca_file: str | None = None
) -> list[Address]:
    """The addresses that are given, else those of TREADLE_SERVER, else the default. `ca_file`: else
    that of TREADLE_CA_FILE; read at once if an address has https. Raises InvalidArgumentError."""
    if isinstance(servers, str):
        servers = servers.split(",")
    texts = list(servers or ()) or os.environ.get("TREADLE_SERVER", "").split(",")
    texts = [each.strip() for each in texts if each.strip()] or [DEFAULT]
    addresses = [parse_address(each) for each in texts]
    if not any(each.is_tls for each in addresses):
        return addresses
    ca_file = ca_file or os.environ.get("TREADLE_CA_FILE", "")
    from .tls import context_of  # programs without https need not load it

    context_of(ca_file)
    return [each._replace(ca_file=ca_file) if each.is_tls else each for each in addresses]


def resolve_token(token: str | None) -> str:
    """The token that is given, else that of the file named by TREADLE_TOKEN_FILE, else none."""
    path = os.environ.get("TREADLE_TOKEN_FILE", "")
    if not token and path:
        token = read_token(path)
    token = token or ""
    if not _TOKEN.match(token):
        raise InvalidArgumentError(
            "the token holds white space or control characters", field="token"
        )
    return token


def read_token(path: str) -> str:
    """The first line of a file that is neither empty nor a comment."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read(65536).splitlines()
    except OSError as error:
        if len(path) >= 16 and "/" not in path and "." not in path:
            raise InvalidArgumentError(
                "the token file cannot be read; its name looks like a token and is not shown. "
                "Write the token into a file, and name the file",
                field="token",
            ) from None
        raise InvalidArgumentError(
            f"the token file {path} cannot be read: {error.strerror}", field="token"
        ) from None
    for line in lines:
        if (line := line.strip()) and not line.startswith("#"):
            return line
    raise InvalidArgumentError(f"the token file {path} holds no token", field="token")
