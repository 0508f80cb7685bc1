"""Reads C++ just far enough to count: the classes of a file with their methods and members, and the functions with
their assertions.

It is no parser of C++. It knows comments, strings, brackets and the forms of declaration that the project's style
(Google's, laid out by clang-format) has; macros of base/thread_annotations.h are skipped. What it does not know, it
counts as a member or not at all, never as an error. tree_test.py has an example of each form.
"""

import re
from dataclasses import dataclass, field

# Comments, strings, preprocessor lines and white space; then tokens.
SKIP = re.compile(r'\s+|//[^\n]*|/\*.*?\*/|^[ \t]*#(?:[^\n\\]|\\.)*', re.DOTALL | re.MULTILINE)
TOKEN = re.compile(r'(?P<raw>R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)")|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)+\''
                   r"|[A-Za-z_]\w*|\d(?:[\w.]|'\w)*|::|->|\[\[|\]\]|.", re.DOTALL)
OPEN = {"(": ")", "[": "]", "{": "}", "[[": "]]"}
CLOSE = set(OPEN.values())
ACCESS = {"public", "protected", "private"}
TYPES = {"class", "struct", "union"}
NOT_A_MEMBER = {"using", "typedef", "friend", "static_assert", "enum", "template"}


@dataclass
class Class:
    """A class or struct. Methods are counted as declared, without constructors, destructors and what is defaulted or
    deleted; members without constants."""
    name: str
    keyword: str
    line: int
    public: int = 0
    private: int = 0
    members: int = 0


@dataclass
class Shape:
    classes: list = field(default_factory=list)
    functions: int = 0  # with a body here that has lines of its own
    checks: int = 0     # TREADLE_CHECK and static_assert


def tokens_of(text):
    """(token, line) of all that is code."""
    tokens, at, line = [], 0, 1
    while at < len(text):
        if skipped := SKIP.match(text, at):
            line += text.count("\n", at, skipped.end())
            at = skipped.end()
            continue
        found = TOKEN.match(text, at)
        tokens.append((found.group(), line))
        line += found.group().count("\n")
        at = found.end()
    return tokens


def closing(words, at):
    """The place of the bracket that closes the one at `at`."""
    depth = 0
    for place in range(at, len(words)):
        depth += (words[place] in OPEN) - (words[place] in CLOSE)
        if depth == 0:
            return place
    return len(words) - 1


def after_angles(words, at):
    """The place after the template arguments that begin at `at`; `at` if it is another `<`."""
    depth, place = 0, at
    while place < len(words) and words[place] not in (";", "{"):
        if words[place] in OPEN:
            place = closing(words, place)
        depth += (words[place] == "<") - (words[place] == ">")
        place += 1
        if depth == 0:
            return place
    return at


def plain(words):
    """The words of a declaration without template heads and arguments, attributes and annotations; of brackets only
    the pair is left."""
    left, at = [], 0
    while at < len(words):
        word = words[at]
        if word == "<" and left[-1:] != ["operator"] and (after := after_angles(words, at)) > at:
            at = after
        elif word == "requires":
            break
        elif word in OPEN and word != "{":
            end = closing(words, at)
            if word == "[[":
                pass
            elif left and left[-1].startswith("TREADLE_"):
                left.pop()
            elif left and left[-1] in ("alignas", "decltype", "explicit") and word == "(":
                pass
            else:
                left += [word, OPEN[word]]
            at = end + 1
        else:
            if word != "template":
                left.append(word)
            at += 1
    return left


class Reader:
    """Walks through one file."""

    def __init__(self, text):
        tokens = tokens_of(text)
        self.words = [word for word, _ in tokens]
        self.lines = [line for _, line in tokens]
        self.at = 0
        self.shape = Shape(checks=self.words.count("TREADLE_CHECK") + self.words.count("static_assert"))

    def scope(self, outer, around, access):
        """Reads declarations up to the end of the scope. `around`: the class that this is; None: a namespace."""
        words, line = [], 0
        while self.at < len(self.words):
            word = self.words[self.at]
            line = line if words else self.lines[self.at]
            if word == "}":
                return
            if word in ACCESS and not words and self.words[self.at + 1] == ":":
                access = word
                self.at += 2
            elif word == ";":
                self.declared(words, around, access)
                words = []
                self.at += 1
            elif word == "{":
                words = self.block(words, line, outer, around, access)
            else:
                end = closing(self.words, self.at) if word in OPEN else self.at
                words += self.words[self.at:end + 1]
                self.at = end + 1

    def block(self, words, line, outer, around, access):
        """What opens here: a scope, a body, or the value of a variable. Returns what is read of the declaration, if
        it goes on."""
        head = plain(words)
        begin, end = self.at, closing(self.words, self.at)
        is_value = "=" in head and "operator" not in head
        if "namespace" in head[:2] or head[:1] == ["extern"] and "(" not in head:
            self.at += 1
            self.scope(outer, None, "public")
            words = []
        elif head and head[0] in TYPES and not is_value and "(" not in head:
            self.read_class(head, line, outer)
            words = []
        elif is_value or "(" not in head or head[0] == "enum" or self.is_of_a_member(head):
            words = [*words, "{", "}"]
        else:
            self.shape.functions += self.lines[end] > self.lines[begin]
            if around:
                self.count_method(head, around, access)
            words = []
        self.at = end + 1
        return words

    @staticmethod
    def is_of_a_member(head):
        """Whether a brace after this is the value of a member in a constructor's list, not its body."""
        return ":" in head[head.index("("):] and head[-1] not in (")", "}")

    def read_class(self, head, line, outer):
        keyword = head[0]
        names = [word for word in head[1:head.index(":") if ":" in head else len(head)]
                 if re.match(r"[A-Za-z_]\w*$", word) and word != "final"]
        name = names[-1] if names else "?"
        found = Class("::".join([*outer, name]), keyword, line)
        self.shape.classes.append(found)
        self.at += 1
        self.scope([*outer, name], found, "private" if keyword == "class" else "public")

    def declared(self, words, around, access):
        """A declaration without a body."""
        head = plain(words)
        if not around or not head or head[0] in NOT_A_MEMBER or head[0] in TYPES and len(head) < 3:
            return
        before = head[:head.index("=")] if "=" in head and "operator" not in head else head
        if "(" in before and "{" not in before[:before.index("(")]:
            self.count_method(head, around, access)
        elif not {"constexpr", "static"} & set(before):
            around.members += 1 + head.count(",")

    def count_method(self, head, around, access):
        own = around.name.split("::")[-1]
        name = "operator" if "operator" in head else head[head.index("(") - 1]
        if name == own or head[-2:] in (["=", "default"], ["=", "delete"]):
            return
        if access == "public":
            around.public += 1
        else:
            around.private += 1


def shape_of(text):
    """What a C++ file consists of."""
    reader = Reader(text)
    while reader.at < len(reader.words):
        reader.scope([], None, "public")
        reader.at += 1
    return reader.shape
