#!/usr/bin/python3
"""Records README's terminal session and draws it as an animated SVG.

    recording.py --treadle build/release/treadle             writes docs/pictures/recording.svg
    recording.py --treadle build/release/treadle --check     changes nothing; exit status 1 if it differs

Dates and durations, which differ between any two runs, are ignored.

Every line of output in the picture was printed by the programs in this run: a real server starts, gets a task, is
killed with `kill -9` and starts again; then a real worker runs the task. The script waits where a person would.

The SVG is text, with CSS for the animation and no script, so code hosts show it as an image. It plays once. Where
nothing is animated (a renderer without CSS animations, or a reader who prefers reduced motion), it shows all lines.
"""

import argparse
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

PICTURE = Path(__file__).resolve().parents[1] / "docs/pictures/recording.svg"
SESSION = [  # the typed command and the comment after it
    ("treadle start > log 2>&1 &", "# a server"),
    ("treadle task enqueue hello '{\"name\":\"Ada\"}'", "# returns once the task is on disk"),
    ("kill -9 $!", "# pull the plug"),
    ("treadle start > log 2>&1 &", "# start it again"),
    ("treadle task list", "# nothing is lost"),
    ("treadle worker exec hello -- tr a-z A-Z &", "# any program is a worker"),
    ("treadle task result 1-1", ""),
]
# What a person waits to see before the next command: a pattern in the output, or None and a command that succeeds.
WAIT_FOR = {
    "treadle start": (None, "treadle info > /dev/null 2>&1"),
    "treadle worker": (r"completed in .*\n", None),
    "treadle task list": (r"1-1 .*\n", None),
}
# Repeated until it shows the task: lists read the store, which follows within moments.
AGAIN = "treadle task list"
PATIENCE_S = 30


class Shell:
    """A bash without a terminal in `folder`. `treadle` and its port belong to this recording."""

    def __init__(self, folder, treadle):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            listen = f"127.0.0.1:{probe.getsockname()[1]}"
        (folder / "bin").mkdir()
        (folder / "bin/treadle").symlink_to(Path(treadle).resolve())
        environment = {"PATH": f"{folder}/bin:/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", "TZ": "UTC",
                       "TREADLE_SERVER": f"http://{listen}", "TREADLE_SERVER__LISTEN": listen}
        self.bash = subprocess.Popen(["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     cwd=folder, env=environment, start_new_session=True)
        self.turn = 0

    def run(self, command, until=None):
        """What `command` printed, and what came after it until that matches the pattern."""
        self.turn += 1
        mark = f"<turn {self.turn} is over>\n"
        self.bash.stdin.write(f"{command}\nprintf '{mark[:-1]}\\n'\n".encode())
        self.bash.stdin.flush()
        text, end = "", time.monotonic() + PATIENCE_S
        while mark not in text or (until and not re.search(until, text.replace(mark, ""))):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.bash.stdout], [], [], left)[0]:
                raise TimeoutError(f"{command}: still {text!r} after {PATIENCE_S} s")
            text += os.read(self.bash.stdout.fileno(), 65536).decode()
        return text.replace(mark, "")

    def end(self):
        os.killpg(self.bash.pid, signal.SIGKILL)
        self.bash.wait()


def record(treadle):
    """[(command, comment, lines of output)], as they really happened."""
    with tempfile.TemporaryDirectory(prefix="treadle-recording-") as folder:
        shell = Shell(Path(folder), treadle)
        try:
            return [(command, comment, play(shell, command)) for command, comment in SESSION]
        finally:
            shell.end()


def play(shell, command):
    """The lines that the command printed, once everything has arrived that a person would wait for."""
    pattern, condition = next((wait for start, wait in WAIT_FOR.items() if command.startswith(start)), (None, None))
    if command == AGAIN:
        end = time.monotonic() + PATIENCE_S
        while not re.search(pattern, output := shell.run(command)):
            if time.monotonic() > end:
                raise TimeoutError(f"{command}: {output}")
    else:
        output = shell.run(command, pattern)
    if condition:
        shell.run(f"until {condition}; do kill -0 $!; done; disown")
    if command.startswith("kill"):
        shell.run("while kill -0 $! 2> /dev/null; do :; done")
    return output.rstrip("\n").split("\n") if output.strip() else []


# --- The picture.

CHARACTER, ROW, MARGIN, BAR, FONT = 8.4, 21, 18, 30, 14  # pixels
PAUSE_S, READING_S, KEY_S = 0.5, 0.9, 0.035  # before typing; after output; per character
STYLE = """\
text { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 14px; \
fill: #d6dde6; white-space: pre; }
.prompt { fill: #57d9a3; }
.comment { fill: #8a97a8; }
.typed { animation: typed backwards; }
.shown { animation: shown 0.01s backwards; }
@keyframes typed { from { clip-path: inset(0 100% 0 0); } to { clip-path: inset(0 0 0 0); } }
@keyframes shown { from { opacity: 0; } to { opacity: 1; } }
@media (prefers-reduced-motion: reduce) { .typed, .shown { animation: none; } }"""


def text(x, y, words, kind="", style=""):
    """One run of characters, all of the same width in any font."""
    attributes = (f' class="{kind}"' if kind else "") + (f' style="{style}"' if style else "")
    return (f'<text x="{x:.1f}" y="{y}" textLength="{len(words) * CHARACTER:.1f}" xml:space="preserve"{attributes}>'
            f"{escape(words)}</text>")


def picture(session):
    """The whole SVG as text."""
    columns = max(len(line) for command, comment, output in session for line in [f"$ {command}  {comment}", *output])
    width = round(columns * CHARACTER) + 2 * MARGIN
    shapes, y, now = [], BAR + 24, PAUSE_S
    for command, comment, output in session:
        typing = len(command) * KEY_S
        shapes.append(text(MARGIN, y, "$", "prompt shown", f"animation-delay:{now - PAUSE_S:.2f}s"))
        shapes.append(text(MARGIN + 2 * CHARACTER, y, command, "typed",
                           f"animation-delay:{now:.2f}s;animation-duration:{typing:.2f}s;"
                           f"animation-timing-function:steps({len(command)})"))
        now += typing
        if comment:
            shapes.append(text(MARGIN + (len(command) + 4) * CHARACTER, y, comment, "comment shown",
                               f"animation-delay:{now:.2f}s"))
        y += ROW
        for line in output:
            now += 0.1
            shapes.append(text(MARGIN, y, line, "shown", f"animation-delay:{now:.2f}s"))
            y += ROW
        now += READING_S + PAUSE_S
    height = y - ROW + MARGIN + 4
    dots = "".join(f'<circle cx="{MARGIN + 18 * i}" cy="16" r="5" fill="{colour}"/>'
                   for i, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")))
    words = "A terminal: a task survives kill -9 of its server, and a worker runs it after the restart"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{words}">',
        "<!-- Made by scripts/recording.py from a real session. -->",
        f"<style>\n{STYLE}\n</style>",
        f'<rect width="{width}" height="{height}" rx="8" fill="#10161f"/>',
        dots, *shapes, "</svg>", ""])


def shown(svg):
    """The lines that a picture shows, without what differs between any two runs."""
    lines = ["".join(each.itertext()) for each in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    return [re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", re.sub(r"\d+(?:\.\d+)? m?s$", "DURATION", line)) for line in lines]


def main():
    parser = argparse.ArgumentParser(description="Record README's terminal session as an animated SVG.")
    parser.add_argument("--treadle", required=True, help="the program to record")
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if the picture differs")
    arguments = parser.parse_args()
    new = picture(record(arguments.treadle))
    old = PICTURE.read_text() if PICTURE.exists() else ""
    if not old or shown(old) != shown(new):
        if arguments.check:
            sys.exit("\n".join([f"{PICTURE.name} is out of date; run ./dev docs. It would show:", *shown(new)]))
        PICTURE.write_text(new)


if __name__ == "__main__":
    main()
