#!/usr/bin/python3
"""Writes every text of the program that people may read into one page, so that its voice can be reviewed at once.

    messages.py [ROOT] > docs/reference/messages.md      what ./dev docs does
    messages.py --count [ROOT]                           how many, how long, and which words to avoid they use

It collects string literals of at least two words from src/**/*.cc, src/**/*.h and include/**/*.h: help texts, errors,
log lines, explanations and table cells. Adjacent literals are joined. Whatever the program inserts (`+ x +`, `{}` of
a format) is shown as `…`, and a choice between texts as `[one|other]`. It leaves out tests and their fixtures, SQL,
preprocessor lines, completion scripts, the schemas of policies and of schemas, and single words such as field names
and flags. The script does not know where a literal ends up, so it also shows some that nobody reads. Messages keep the
order of the source.
"""

import re
import statistics
import sys
from pathlib import Path

TOKEN = re.compile(r"""
    (?P<raw>(?:u8|u|U|L)?R"(?P<tag>[^()\\ ]*)\((?P<rawtext>.*?)\)(?P=tag)")
  | (?P<comment>//[^\n]*|/\*.*?\*/)
  | (?P<directive>^[ ]*\#(?:[^\n\\]|\\.|\\\n)*)
  | (?P<text>"(?:[^"\\\n]|\\.)*")
  | (?P<char>'(?:[^'\\\n]|\\.)+')
  | (?P<number>\d[\w.']*)
  | (?P<word>\w+|::|->|==|!=|<=|>=|&&|\|\||<<)
  | (?P<mark>[^\s])
""", re.X | re.S | re.M)
ESCAPES = {"n": "\n", "t": "\t", "0": "", '"': '"', "\\": "\\", "'": "'"}
# Two words in a row.
PROSE = re.compile(r"[A-Za-z][\w'’…-]*[,;:.)]* +[(\"'`]?[A-Za-z…]")
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE FROM|CREATE|PRAGMA|WHERE|ATTACH|DETACH|VALUES|ORDER BY|COLLATE|INTEGER|BLOB)\b")
SKIPPED = re.compile(r"(_test\.cc|_fixture\.h|/test_\w+\.h|/fake_\w+\.h|/draft7\.h|/completion\.cc|/policy_pages\.cc)$")
OPEN, CLOSE = ("(", "[", "{"), (")", "]", "}")
ENDS = {"+", ",", ";", "?", ":", ")", "]", "}", "{", "==", "!=", "&&", "||", "<<"}  # ends an operand of +
MADE = "<!-- Made by ./dev docs (scripts/messages.py) from the source; do not edit. -->"

# Words that docs and messages avoid, for --count.
AVOIDED = ["at hand", "anew", "mend", "let go of", "brought forward", "without a word", "go on", "goes on", "alone", "is none", "so many",
           "stands", "of before", "told", "tell", "tells", "says", "said", "answered for", "to itself", "hands full", "under way"]


def unescaped(literal):
    return re.sub(r"\\(x[0-9a-fA-F]+|.)", lambda found: ESCAPES.get(found.group(1), "…"), literal[1:-1])


def tokens(source):
    """The tokens that matter: ("text", its value) or ("code", a token)."""
    found = []
    for each in TOKEN.finditer(source):
        if each.lastgroup in ("comment", "directive"):
            continue
        if each.group("raw"):
            found.append(("text", each.group("rawtext")))
        elif each.group("text"):
            found.append(("text", unescaped(each.group("text"))))
        else:
            found.append(("code", each.group(0)))
    return found


def operand_end(stream, at):
    """The end of the operand of a `+` that begins at `at`."""
    depth = 0
    while at < len(stream):
        kind, value = stream[at]
        if kind == "code":
            if depth == 0 and value in ENDS:
                return at
            depth += (value in OPEN) - (value in CLOSE)
        at += 1
    return at


def choices_in(operand):
    """The texts of `(condition ? text : text)`, which may contain further choices. None if the operand is something
    else."""
    if len(operand) < 2 or operand[0] != ("code", "(") or ("code", "?") not in operand:
        return []
    return list(chains(operand[1:-1]))


def chains(stream):
    """Each text of the stream with what `+` adds to it, then the texts inside the added parts."""
    at = 0
    while at < len(stream):
        if stream[at][0] != "text":
            at += 1
            continue
        text = "…" if at > 0 and stream[at - 1] == ("code", "+") else ""
        inner = []
        while at < len(stream):
            if stream[at][0] == "text":
                text += stream[at][1]
                at += 1
            elif stream[at] == ("code", "+"):
                end = operand_end(stream, at + 1)
                if at + 1 < len(stream) and stream[at + 1][0] == "text":
                    at += 1
                    continue
                choices = choices_in(stream[at + 1:end])
                text += "[" + "|".join(choices) + "]" if choices else "…"
                if not choices:
                    inner += chains(stream[at + 1:end])
                at = end
            else:
                break
        yield text
        yield from inner


def messages_of(source):
    texts = (re.sub(r"\{[^{}\s]*\}", "…", text) for text in chains(tokens(source)))
    return [text for text in texts if PROSE.search(text) and not SQL.search(text)]


def pages_of(root):
    """(path, messages) of each source that has messages, room by room."""
    sources = [*root.glob("src/**/*.h"), *root.glob("src/**/*.cc"), *root.glob("include/**/*.h")]
    for path in sorted(sources, key=lambda each: (each.parent.parts, each.name)):
        name = str(path.relative_to(root))
        found = [] if SKIPPED.search(name) else messages_of(path.read_text(encoding="utf-8"))
        if found:
            yield name, found


def page(root):
    """As Markdown: a section per room, a block per file, a line per message."""
    lines = ["# Messages", "", MADE, "", "Every text of the program that people may read, grouped by room and file: help, errors, log lines,",
             "explanations. `…` stands for what the program inserts, `[a|b]` for a choice. `scripts/messages.py`", "describes how they are found."]
    room = None
    for name, found in pages_of(root):
        if room != (room := "/".join(name.split("/")[:2])):
            lines += ["", f"## {room}"]
        lines += ["", f"### {name}", "", "```text", *(text.strip("\n").replace("\n", "\n    ") for text in found), "```"]
    return "\n".join(lines) + "\n"


def count(root):
    found = [text for _, texts in pages_of(root) for text in texts]
    lengths = [len(each.split()) for text in found for each in re.split(r"(?<=[.;:!?])\s+|\n(?=\s|\n|[#A-Z])", text) if each.strip()]
    lines = [f"{len(found)} messages; words in a sentence: median {statistics.median(lengths):g}, longest {max(lengths)}"]
    for words in AVOIDED:
        times = sum(len(re.findall(rf"\b{words}\b", text)) for text in found)
        if times:
            lines.append(f"{times:4}  {words}")
    return "\n".join(lines) + "\n"


def main(arguments):
    is_count = arguments[:1] == ["--count"]
    root = Path((arguments[is_count:] or [Path(__file__).parent.parent])[0])
    sys.stdout.write(count(root) if is_count else page(root))


if __name__ == "__main__":
    main(sys.argv[1:])
