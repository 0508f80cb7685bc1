#!/usr/bin/python3
"""Checks the style of the documentation: lengths, and words that readers stumble over.

    prose.py [ROOT]           prints one line per finding, `file:line: what is wrong; what to do`;
                              exit status 1 if there is any
    prose.py --stats [FILE…]  prints the lengths of each page's sentences, and what WORDS finds

The pages are README.md, CONTRIBUTING.md, SECURITY.md, CHANGELOG.md, docs/**/*.md and those of the SDKs, except
generated references. It also checks the texts of docs/openapi.yaml, from which one reference is generated. Code, link
targets and HTML comments are not prose.
"""

import re
import statistics
import sys
from pathlib import Path

import yaml

COLUMNS = 100
PARAGRAPH_WORDS = 90
CELL_WORDS = 25
TOP_PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
GENERATED = ("docs/reference",)

BE = r"(?:is|are|was|were|be|been|being|isn't|aren't)"
# Patterns to search for, and what to write instead. Each must be safe to forbid, with no false alarm in plain prose.
WORDS = [(re.compile(pattern, re.I), advice) for pattern, advice in (
    (r"\bat hand\b", 'write "in memory" or "available"'),
    (r"\banew\b", 'write "again"'),
    (r"\bmend(?:s|ed|ing)?\b", 'write "fix" or "repair"'),
    (r"\blet(?:s|ting)? go of\b", 'write "release"'),
    (r"\bbr(?:ing|ings|ought|inging) forward\b", 'write "migrate"'),
    (r"\bwith(?:out)? a word\b", 'write "silently", or what the program prints'),
    (r"\b(?:go|goes|going|went|gone) on\b", 'write "continue"'),
    (r"\bso (?:many|long) (?:bytes|of|from)\b", 'write "that many", or the number'),
    (r"\b(?:stands?|stood)\b(?! for\b|-)", 'things "are" somewhere; they do not stand'),
    (r"\b(?:that|which|who) (?:is|are) none\b", 'write "invalid" or "no"'),
    (r"\bof before\b", 'write "previous"'),
    (r"\b(?:speaks?|spoke|tells?) of\b", 'write "names", "describes" or "reports"'),
    (r"\bin the midst\b", 'write "in the middle" or "during"'),
    (r"\bwhat (?:becomes|became) of\b", 'write "what happens to"'),
    (r"\ball the same\b", 'write "still" or "anyway"'),
    (r",\s+too\b(?= *[.;:,)]|$)", 'write "also", or leave it out'),
    (rf"\b{BE}(?: (?!an?\b|the\b)\w+)?\s+(?:told|said|answered)\b",
     "name who reports, returns or rejects what"),
    (r"\b(?:behaviour|neighbour|colour|favour|honour|licence|centre|catalogue)\w*",
     "use American spelling"),
    (r"\b\w+(?:nalis|orgis|ganis|ognis|ialis|imis|onis|aris|tilis)(?:e|es|ed|ing|ation)\b",
     "use American spelling"),
    (r"\bcancell(?:ed|ing)\b", 'write "canceled"; the state is `cancelled`'),
)]

FENCE = re.compile(r"^ {0,8}(```|~~~)")
UNWRAPPED = re.compile(r"\]\([^)]*\)|<?https?://\S+|<!--.*?-->")  # does not count as columns
ITEM = re.compile(r"^( *)(?:[-*+]|\d+\.) +(.*)$")


class Block:
    """A paragraph, list item, heading or table cell, with the line on which it begins."""

    def __init__(self, kind, line, text):
        self.kind, self.line, self.text = kind, line, text

    def prose(self):
        """The text without code and link targets. A piece of code counts as one word."""
        text = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "x", self.text, flags=re.S)
        text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
        text = re.sub(r"\]\([^)]*\)", "]", text)
        text = re.sub(r"<?https?://\S+", "x", text)
        return re.sub(r"[*\[\]]|\B_|_\B", "", text)

    def words(self):
        return len(re.findall(r"\S*\w\S*", self.prose()))


def cells_of(row):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))]


def blocks_of(text):
    """The blocks of a page, and the line numbers of code and tables."""
    blocks, passed = [], set()
    current, in_fence, in_comment, in_list = None, None, False, False
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if in_fence or fence:
            passed.add(number)
            if not in_fence:
                in_fence, current = fence.group(1), None
            elif fence and fence.group(1) == in_fence:
                in_fence = None
            continue
        if in_comment or line.startswith("<!--"):
            in_comment, current = "-->" not in line, None
            continue
        item = ITEM.match(line)
        if not line.strip():
            current = None
        elif line.lstrip().startswith("|"):
            passed.add(number)
            current = None
            if not re.fullmatch(r"[\s|:-]+", line):
                blocks += [Block("cell", number, cell) for cell in cells_of(line) if cell]
        elif line.startswith("#"):
            current, in_list = None, False
            blocks.append(Block("heading", number, line.lstrip("# ")))
        elif item and (current is None or current.kind == "item" or not item.group(1)):
            current, in_list = Block("item", number, item.group(2)), True
            blocks.append(current)
        elif current is None and line.startswith("      " if in_list else "    "):
            passed.add(number)  # indented code
        elif current is not None:
            current.text += "\n" + line.strip()
        else:
            in_list = in_list and line.startswith(" ")
            current = Block("paragraph", number, line.strip())
            blocks.append(current)
    return blocks, passed


def texts_of(node, place=""):
    """The descriptions and summaries of an OpenAPI document, each with its place."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("description", "summary") and isinstance(value, str):
                yield f"{place}/{key}", value
            elif key not in ("example", "examples", "default", "enum"):
                yield from texts_of(value, f"{place}/{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from texts_of(value, f"{place}/{number}")


def check_words(where, block, found):
    prose = " ".join(block.prose().split())
    for pattern, advice in WORDS:
        for hit in pattern.finditer(prose):
            found.append(f"{where}: \"{hit.group(0)}\"; {advice}")


def check_length(where, block, found):
    limit = CELL_WORDS if block.kind == "cell" else PARAGRAPH_WORDS
    if block.words() > limit:
        how = "say less here, and the rest below the table" if block.kind == "cell" else \
            "split it, or make a list of it"
        found.append(f"{where}: {'an' if block.kind == 'item' else 'a'} {block.kind} of {block.words()} words, at most {limit}; {how}")


def check_columns(name, text, passed, found):
    for number, line in enumerate(text.splitlines(), 1):
        if number not in passed and len(UNWRAPPED.sub("", line)) > COLUMNS:
            found.append(f"{name}:{number}: {len(line)} columns, at most {COLUMNS}; wrap the line")


def check_page(name, text):
    """All findings of one page, as printable lines."""
    found = []
    blocks, passed = blocks_of(text)
    check_columns(name, text, passed, found)
    for block in blocks:
        where = f"{name}:{block.line}"
        check_length(where, block, found)
        check_words(where, block, found)
    return found


def check_contract(name, text):
    found = []
    for place, prose in texts_of(yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))):
        for block in blocks_of(prose)[0]:
            check_length(f"{name}: {place}", block, found)
            check_words(f"{name}: {place}", block, found)
    return found


def pages_of(root):
    pages = [root / name for name in TOP_PAGES] + sorted((root / "docs").rglob("*.md")) + sorted(root.glob("sdk/*/README.md"))
    names = {page: str(page.relative_to(root)) for page in pages if page.exists()}
    return [page for page, name in names.items() if not name.startswith(GENERATED)]


def check_pages(root):
    root, found = Path(root).resolve(), []
    for page in pages_of(root):
        found += check_page(str(page.relative_to(root)), page.read_text(encoding="utf-8"))
    contract = root / "docs/openapi.yaml"
    if contract.exists():
        found += check_contract("docs/openapi.yaml", contract.read_text(encoding="utf-8"))
    return found


def sentences_of(text, is_contract):
    """The number of words in each sentence of running text. A colon before a capital also ends a sentence."""
    texts = [prose for _, prose in texts_of(yaml.safe_load(text))] if is_contract else [text]
    blocks = [block for each in texts for block in blocks_of(each)[0]]
    for block in (block for block in blocks if block.kind in ("paragraph", "item")):
        prose = " ".join(block.prose().split())
        for sentence in re.split(r"(?<=[.!?:])\s+(?=[\"(]?[A-Z`x*])", prose):
            if words := len(re.findall(r"\S*\w\S*", sentence)):
                yield words


def stats(paths):
    total, hits_of_all = [], 0
    for path in paths:
        text = Path(path).read_text(encoding="utf-8")
        contract = str(path).endswith(".yaml")
        lengths = list(sentences_of(text, contract))
        found = (check_contract if contract else check_page)(str(path), text)
        hits = [line for line in found if '"' in line.partition(": ")[2]]
        passive = sum("name who" in line for line in hits)
        total += lengths
        hits_of_all += len(hits)
        print(f"{path}: {len(lengths)} sentences, median {statistics.median(lengths)}, "
              f"longest {max(lengths)}; passive {passive}, other words {len(hits) - passive}, "
              f"lengths {len(found) - len(hits)}")
    print(f"all: {len(total)} sentences, median {statistics.median(total)}, longest {max(total)}; "
          f"{hits_of_all} words")


def main():
    if sys.argv[1:2] == ["--stats"]:
        stats(sys.argv[2:] or pages_of(Path(__file__).parents[2]))
        return
    found = check_pages(sys.argv[1] if sys.argv[1:] else Path(__file__).parents[2])
    for line in found:
        print(line)
    print(f"prose: {len(found)} findings" if found else "prose: in order")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
