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
    """One server."""

    host: str
    port: int

    @property
    def authority(self) -> str:
        """As the header `Host` has it."""
        if ":" not in self.host:
            return f"{self.host}:{self.port}"
        return f"[{self.host.partition('%')[0]}]:{self.port}"

    @property
    def url(self) -> str:
        """As people write it."""
        return f"http://{self.authority}"


def parse_address(text: str) -> Address:
    """`http://HOST:PORT`; scheme and port may be missing. Raises InvalidArgumentError."""
    if text.startswith("https://"):
        raise _unreadable(text, "https is not spoken yet")
    rest = text[7:] if text.startswith("http://") else text
    rest = rest[:-1] if rest.endswith("/") else rest
    if rest.startswith("["):
        host, bracket, rest = rest[1:].partition("]")
        if not bracket:
            raise _unreadable(text, "its '[' is not closed")
        if not _IPV6.match(host) or ":" not in host:
            raise _unreadable(text, "what is in brackets is no IPv6 address")
        if rest and not rest.startswith(":"):
            raise _unreadable(text, "behind its ']' there is no port")
        port = rest[1:] if rest else "7373"
    else:
        host, colon, port = rest.partition(":")
        port = port if colon else "7373"
        if not _NAME.match(host):
            raise _unreadable(text, "it names no host")
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise _unreadable(text, "its port is not a number from 1 to 65535")
    return Address(host, int(port))


def _unreadable(text: str, why: str) -> InvalidArgumentError:
    shown = text.rpartition("@")[2]  # a name and password before an @ are not repeated
    return InvalidArgumentError(
        f'cannot read the server address "{shown}": {why}; write http://HOST:PORT', field="servers"
    )


def resolve_servers(servers: str | Sequence[str] | None) -> list[Address]:
    """The addresses that are given, else those of TREADLE_SERVER, else the default."""
    if isinstance(servers, str):
        servers = servers.split(",")
    texts = list(servers or ()) or os.environ.get("TREADLE_SERVER", "").split(",")
    texts = [each.strip() for each in texts if each.strip()] or [DEFAULT]
    return [parse_address(each) for each in texts]


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
