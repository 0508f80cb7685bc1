"""Starts a program again whenever a file of Python below the working directory changes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from types import FrameType
from typing import Dict, List, Optional

_LOOK_SECONDS = 0.5
_SKIPPED = {".git", "__pycache__", "node_modules", ".venv", "venv", ".mypy_cache"}


def run_with_reload(command: List[str], root: str = ".") -> int:
    """Runs `command` until a signal ends this program; the exit status."""
    ended = False
    process: Optional[subprocess.Popen[bytes]] = None

    def stop(number: int, frame: Optional[FrameType]) -> None:
        nonlocal ended
        ended = True
        if process is not None:
            process.send_signal(signal.SIGTERM)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    while True:
        seen = _times_below(root)
        process = subprocess.Popen(command, start_new_session=True)
        has_changed = False
        while not has_changed and not (ended and process.poll() is not None):
            time.sleep(_LOOK_SECONDS)
            if process.poll() == 0:  # an orderly end, that this program did not ask for
                return 0
            has_changed = not ended and _times_below(root) != seen
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        status = process.wait()
        if ended:
            return status
        print("treadle worker: a file changed; starting again", file=sys.stderr, flush=True)


def _times_below(root: str) -> Dict[str, float]:
    times: Dict[str, float] = {}
    for place, folders, files in os.walk(root):
        folders[:] = [each for each in folders if each not in _SKIPPED]
        for each in files:
            if each.endswith(".py"):
                path = os.path.join(place, each)
                try:
                    times[path] = os.stat(path).st_mtime
                except OSError:
                    continue
    return times
