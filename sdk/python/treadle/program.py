"""The command `treadle` of an installation that came without the server's program."""

import os
import sys
from typing import Optional

MISSING = """\
treadle: this package came without the server's program, and PATH has no other treadle.
A release has it for Linux on x86-64 with glibc 2.34 or newer: install its wheel or its archive.
The source builds on Debian 12."""


def is_program(path: str) -> bool:
    """Scripts do not count: they may be this command, of another installation."""
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"\x7fELF" and os.access(path, os.X_OK)
    except OSError:
        return False


def program_in(path: str) -> Optional[str]:
    """The first treadle in PATH."""
    places = (os.path.join(each, "treadle") for each in path.split(os.pathsep) if each)
    return next(filter(is_program, places), None)


def main() -> None:
    """Becomes the program that PATH has, or says where to get it."""
    program = program_in(os.environ.get("PATH", ""))
    if program is None:
        print(MISSING, file=sys.stderr)
        sys.exit(1)
    os.execv(program, ["treadle", *sys.argv[1:]])
