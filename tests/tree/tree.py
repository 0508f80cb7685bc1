#!/usr/bin/python3
"""Checks the shape of the tree: which room includes which, and a few habits that a compiler does not see.

    tree.py [ROOT]        prints one line per finding, `file:line: what is wrong; what to do`; exit status 1 if any

Rooms are the folders of src/. Each room's CMakeLists.txt lists what the room may include (`treadle_room(x SEES
...)`), and ARROWS below limits what it may list. Standard library only, so that it runs on any machine that can
build.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

from cpp_shape import shape_of

# The most that each room may see. A room lists less in its SEES if it needs less.
ARROWS = {
    "base": "",
    "json": "base",
    "config": "base",
    "model": "base json",
    "contract": "base json model",
    "engine": "base model",
    "journal": "base model engine",
    "store": "base model engine",
    "telemetry": "base",
    "security": "base model",
    "shard": "base config model engine journal store telemetry",
    "node": "base config model engine journal store shard telemetry",
    "http": "base json config",
    "api": "base json config model contract engine journal store shard node http security telemetry",
    "client": "base json model http",
    "worker": "base json model http telemetry client",
    "console": "base json client worker",
    "tools": "base config model engine journal store shard node",
    "demo": "base json client worker console",
    "loadgen": "base json client worker console",
    "cli": "base json config model http telemetry client worker console tools demo loadgen",
    "app": "base json config model contract engine journal store shard telemetry security node http api client worker console "
           "tools demo loadgen cli",
}

# Who may include the SDK's public headers (include/treadle). Those include only each other.
SDK = "treadle"
SDK_USERS = {"base", "json", "client", "worker", "console", "demo", "loadgen", "cli", "app"}

FOLDERS = ["include", "examples", "src", "sim", "tests", "bench", "web", "sdk", "deploy", "docs", "cmake", "scripts", ".ci"]
SKIPPED = {".git", "__pycache__", "node_modules", "dist", ".cache", "build"}
SOURCE = {".h", ".cc"}
CODE = SOURCE | {".py", ".sh", ".cmake", ".ts", ".tsx", ".js", ".css", ".sql"}
CODE_NAMES = {"CMakeLists.txt", "dev", "run"}
COLUMNS = 100
LINES = 800

# The most that a class may have. A struct is a plain value and may have any number of members.
CLASS = {"public": 20, "private": 25, "members": 15}
METHODS = ("public", "private")
# The classes of today that have more, and exactly how much: a number here may only fall.
LARGE = {
    "contract/SchemaWalk": {"public": 32},
    "engine/Engine": {"public": 39, "private": 60},
    "engine/State": {"public": 62, "members": 27},
    "http/Connection": {"members": 21},
    "journal/FileJournal": {"members": 18},
    "store/Lister": {"members": 20},
    "store/Writer": {"members": 26},
    "worker/Exchanger": {"members": 22},
    "worker/HandlerPool": {"members": 18},
}
# At least so many TREADLE_CHECK and static_assert of a room for 100 of its functions (those with lines of their own,
# tests left out). It may only rise.
CHECKS = {"engine": 47, "journal": 68, "store": 18, "shard": 15}

# The odd brackets keep these patterns from matching their own text.
MARKER = re.compile(r"\b(TO[D]O|FIX[M]E)\b")
HOST_PATH = re.compile(r"(?<![\w.~}])/(?:work/(?:main|shared|\.library)|root|home/(?!user\b)\w+)(?:/|\b)")
PRIVATE_NOTE = re.compile(r"\bdesign[.]md\b|[.][.]/shared/")
SLEEP = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep)\b")
INCLUDE = re.compile(r'\s*#\s*include\s*"([^"]+)"')
NAMESPACE = re.compile(r"namespace ([\w:]*) ?\{")
TYPE = re.compile(r"(?:enum class|enum|struct|class) (\w+)\b[^;]*\{")
ROOM = re.compile(r"treadle_room\s*\(([^)]*)\)")


class Findings:
    """The findings, one printable line each, in the order of discovery."""

    def __init__(self, root):
        self.root = root
        self.lines = []

    def add(self, path, line, text):
        self.lines.append(f"{path.relative_to(self.root)}:{line}: {text}")


def sees_of(cmake_file):
    """The rooms listed after SEES in a CMakeLists.txt and the line of treadle_room, or (None, 1) without one."""
    text = re.sub(r"#.*", "", cmake_file.read_text(encoding="utf-8"))
    call = ROOM.search(text)
    if not call:
        return None, 1
    line = text.count("\n", 0, call.start()) + 1
    words, sees, listening = call.group(1).split(), [], False
    for word in words[1:]:
        if word in ("FOLDERS", "SEES", "LINKS", "PROGRAM"):
            listening = word == "SEES"
        elif listening:
            sees.append(word)
    return sees, line


def check_arrows(folder, sees, line, found):
    """Checks the room's own list against ARROWS."""
    room, cmake_file = folder.name, folder / "CMakeLists.txt"
    if room not in ARROWS:
        found.add(cmake_file, line, f"unknown room '{room}'; give it a place in ARROWS of tests/tree/tree.py")
        return
    for other in sees:
        if other not in ARROWS:
            found.add(cmake_file, line, f"'{room}' SEES '{other}', which is no room; name a folder of src/")
        elif other not in ARROWS[room].split():
            found.add(cmake_file, line, f"'{room}' must not see '{other}': arrows go one way; move the code, "
                                        f"or pass what is needed in through an interface of '{room}'")


def check_includes(folder, path, text, sees, found):
    """Checks every include of a project header against the room's list."""
    room = folder.name
    for number, line in enumerate(text, 1):
        include = INCLUDE.match(line)
        if not include:
            continue
        other, slash, _ = include.group(1).partition("/")
        if not slash:
            found.add(path, number, f'"{include.group(1)}" names no room; write "{room}/{include.group(1)}"')
        elif other == SDK and room in SDK_USERS:
            continue
        elif other != room and other not in sees:
            possible = other in ARROWS.get(room, "").split()
            fix = (f"add {other} to SEES in src/{room}/CMakeLists.txt" if possible else
                   f"'{room}' may see only: {ARROWS.get(room) or 'nothing'}")
            found.add(path, number, f"'{room}' includes '{include.group(1)}' but does not see '{other}'; {fix}")


def check_public_header(path, text, found):
    """Checks that an installed header includes only installed headers."""
    for number, line in enumerate(text, 1):
        include = INCLUDE.match(line)
        if include and not include.group(1).startswith(f"{SDK}/"):
            found.add(path, number, f"a public header includes '{include.group(1)}', which is not installed; "
                                    f"forward-declare, or move what is needed to include/{SDK}")


def types_in(text):
    """(line, name) of each type that a file defines directly in namespace treadle."""
    namespace, template = None, False
    for number, line in enumerate(text, 1):
        if opened := NAMESPACE.match(line):
            namespace = opened.group(1)
        elif (defined := TYPE.match(line)) and namespace == "treadle" and not template:
            yield number, defined.group(1)
        template = line.startswith("template ")  # its instances have other names


def check_names_of_sdk(types, found):
    """Checks that no type of the SDK has the name of another one: the program links both, and would mix them up."""
    public = {name for path, _, name in types if path.relative_to(found.root).parts[0] == "include"}
    for path, number, name in types:
        if name in public and path.relative_to(found.root).parts[0] == "src":
            found.add(path, number, f"'treadle::{name}' is a type of include/{SDK}, too; give one of them another name")


def check_source(path, text, in_src, found):
    """Checks habits of C++ files."""
    if path.suffix == ".h":
        if not text or not text[0].startswith("//"):
            found.add(path, 1, "a header begins with its contract; open it with a // comment that says what it is")
        if not any(re.match(r"#pragma once\b", line) for line in text):
            found.add(path, 1, "no include guard; add #pragma once after the opening comment")
    if in_src and len(text) > LINES:
        found.add(path, len(text), f"{len(text)} lines, at most {LINES}; split the file by what its parts do")
    for number, line in enumerate(text, 1):
        if len(line) > COLUMNS:
            found.add(path, number, f"{len(line)} columns, at most {COLUMNS}; run ./dev fmt")
        if re.search(r"\busing\s+namespace\s+std\b", line):
            found.add(path, number, "using namespace std; name what is used")
        if path.name.endswith("_test.cc") and (sleep := SLEEP.search(line)):
            found.add(path, number, f"{sleep.group(1)} in a test; wait on a signal or drive the clock")


def check_classes(path, room, shape, found):
    """Checks the sizes of the classes that a header defines. A fixture is all the world of its tests."""
    if path.name.endswith("_fixture.h"):
        return
    for each in shape.classes:
        for what, most in CLASS.items():
            if each.keyword != "class" and what not in METHODS:
                continue
            count = getattr(each, what)
            allowed = LARGE.get(f"{room}/{each.name}", {}).get(what, most)
            what_are = f"{what} methods" if what in METHODS else what
            if count > allowed:
                found.add(path, each.line, f"class {each.name} has {count} {what_are}, at most {allowed}; move a part "
                                           "that belongs together into a class of its own")
            elif count < allowed != most:
                found.add(path, each.line, f"class {each.name} has only {count} {what_are} left; put that number, or "
                                           "none if it is not above the limit, into LARGE of tests/tree/tree.py")


def check_checks(root, counts, found):
    """Checks that rooms state what must hold. `counts`: functions and checks of each room."""
    for room, least in CHECKS.items():
        functions, checks = counts.get(room, (0, 0))
        if functions > 0 and 100 * checks < least * functions:
            found.add(root / "src" / room, 1, f"{checks} TREADLE_CHECK and static_assert in {functions} functions, at "
                                              f"least {least} for 100; state what the new ones rely on")


def check_habits(path, text, found):
    """Checks what applies to every text file of the project."""
    code = path.suffix in CODE or path.name in CODE_NAMES
    for number, line in enumerate(text, 1):
        if code and (marker := MARKER.search(line)):
            found.add(path, number, f"{marker.group(1)}; do it, or open an issue and take the note out")
        if host := HOST_PATH.search(line):
            found.add(path, number, f"'{host.group(0)}' is a path of one machine; make it relative or a parameter")
        if note := PRIVATE_NOTE.search(line):
            found.add(path, number, f"'{note.group(0)}' is not in the project; point to docs/architecture.md")


def files_of(root):
    """Every file of the project, in a stable order."""
    tops = [path for path in root.iterdir() if path.is_file()]
    below = [path for name in FOLDERS for path in (root / name).rglob("*") if path.is_file()]
    return sorted(path for path in tops + below if not SKIPPED & set(path.relative_to(root).parts))


def check_tree(root):
    """All findings below root, as printable lines."""
    root = Path(root).resolve()
    found, sees_by_folder = Findings(root), {}
    for folder in sorted(path for path in (root / "src").iterdir() if path.is_dir()):
        cmake_file = folder / "CMakeLists.txt"
        if not any(path.suffix in SOURCE for path in folder.rglob("*")):
            sees, line = (sees_of(cmake_file) if cmake_file.exists() else ([], 1))
        elif not cmake_file.exists():
            found.add(cmake_file, 1, f"missing; write treadle_room({folder.name} SEES ...)")
            continue
        else:
            sees, line = sees_of(cmake_file)
        if sees is None:
            found.add(cmake_file, 1, f"declares no room; write treadle_room({folder.name} SEES ...)")
            continue
        sees_by_folder[folder] = sees
        check_arrows(folder, sees, line, found)

    types = []
    counts = defaultdict(lambda: (0, 0))  # functions and checks, by room
    for path in files_of(root):
        try:
            text = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # an image or another binary file
        check_habits(path, text, found)
        if path.suffix not in SOURCE:
            continue
        parts = path.relative_to(root).parts
        check_source(path, text, parts[0] == "src", found)
        if parts[0] == "include":
            check_public_header(path, text, found)
        folder = root / "src" / parts[1] if parts[0] == "src" else None
        if folder in sees_by_folder:
            check_includes(folder, path, text, sees_by_folder[folder], found)
        room = parts[1] if parts[0] in ("src", "include") and len(parts) > 2 else None
        if room and (path.suffix == ".h" or room in CHECKS):
            shape = shape_of("\n".join(text) + "\n")
            if path.suffix == ".h":
                check_classes(path, room, shape, found)
            if not path.name.endswith("_test.cc"):
                functions, checks = counts[room]
                counts[room] = (functions + shape.functions, checks + shape.checks)
        types += [(path, number, name) for number, name in types_in(text)]
    check_names_of_sdk(types, found)
    check_checks(root, counts, found)
    return found.lines


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2]
    findings = check_tree(root)
    for line in findings:
        print(line)
    print(f"tree: {len(findings)} findings" if findings else "tree: in order")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
