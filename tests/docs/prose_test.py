#!/usr/bin/python3
"""The prose check must be able to fail: each test breaks one rule on its own page."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
import prose  # noqa: E402  (the path comes first)


class ProseTest(unittest.TestCase):
    def findings(self, text):
        return prose.check_page("page.md", text)

    def assert_only(self, text, *words):
        found = self.findings(text)
        self.assertEqual(len(found), 1, found)
        for word in words:
            self.assertIn(word, found[0])

    def test_a_plain_page_has_no_findings(self):
        self.assertEqual(self.findings("# A page\n\nOne sentence.\n\n- An item.\n\n| a | b |\n|---|---|\n| c | d |\n"), [])

    def test_a_long_line_is_found_with_its_number(self):
        self.assert_only("Short.\n\n" + "x" * 101 + "\n", "page.md:3", "101 columns")

    def test_tables_code_links_and_comments_may_be_wide(self):
        wide = "x" * 200
        for line in (f"| {wide} |", f"```\n{wide}\n```", f"    {wide}", f"[a]({wide})",
                     f"https://{wide}", f"word <!-- {wide} --> word"):
            self.assertEqual(self.findings(line + "\n"), [], line)

    def test_a_long_paragraph_is_found_where_it_begins(self):
        lines = "\n".join(["nine words of this line make up a paragraph"] * 11)
        self.assert_only("Short.\n\n" + lines + "\n", "page.md:3", "paragraph of 99 words, at most 90")

    def test_each_item_of_a_list_is_a_paragraph_of_its_own(self):
        line = "- " + "word " * 16
        self.assertEqual(self.findings("\n".join([line.strip()] * 20) + "\n"), [])
        self.assert_only("- " + "\n  ".join(["word " * 19] * 5) + "\n", "an item of 95 words")

    def test_a_full_cell_is_found(self):
        self.assert_only("| a |\n|---|\n| " + "word " * 26 + "|\n", "page.md:3", "cell of 26 words")

    def test_a_bar_within_a_cell_does_not_divide_it(self):
        self.assert_only("| a |\n|---|\n| " + "word \\| " * 26 + "|\n", "cell of 26 words")

    def test_a_code_span_is_one_word_and_a_link_has_no_target(self):
        cell = "`a b c d e f g` " * 25
        self.assertEqual(self.findings("| a |\n|---|\n| " + cell + "|\n"), [])
        self.assertEqual(self.findings("See [the page](a-page-that-was-brought-anew.md).\n"), [])

    def test_each_forbidden_word_is_found(self):
        for phrase in ("what is at hand", "made anew", "to mend it", "it mended", "lets go of it",
                       "was brought forward", "closed without a word", "stops with a word", "it goes on",
                       "then so many bytes", "it stands there", "it stood there", "a task that is none",
                       "tokens of before", "it speaks of it", "it tells of it", "in the midst of",
                       "what becomes of it", "it ran all the same", "it does it, too.", "is told",
                       "was not told", "are then answered", "is still said", "behaviour", "neighbouring",
                       "licence", "to organise", "cancelled", "cancelling"):
            found = self.findings(f"Here {phrase} is a phrase.\n" if phrase[-1] != "." else f"{phrase}\n")
            self.assertEqual(len(found), 1, (phrase, found))

    def test_a_phrase_may_break_over_lines_and_case_does_not_matter(self):
        self.assert_only("The server is\ntold so.\n", "is told")
        self.assert_only("Anew it begins.\n", "Anew")

    def test_words_within_code_are_not_prose(self):
        self.assertEqual(self.findings("The state `cancelled` is spelled so.\n\n```\nmend it anew\n```\n"), [])

    def test_similar_words_pass(self):
        for phrase in ("a standby", "standard", "API stands for a name", "a stand-alone file", "too large",
                       "a recommended way", "amended", "cancellation", "nobody told us", "an answered call"):
            self.assertEqual(self.findings(f"This has {phrase} of it.\n"), [], phrase)

    def test_cells_and_headings_are_read_as_well(self):
        self.assert_only("## What is at hand\n", "page.md:1", "at hand")
        self.assert_only("| a |\n|---|\n| what goes on |\n", "page.md:3", "goes on")

    def test_the_texts_of_the_contract_are_read_but_not_its_examples(self):
        contract = ("info: {description: It is told so.}\n"
                    "paths: {/x: {get: {summary: Make it anew, example: {description: mend it}}}}\n")
        found = prose.check_contract("openapi.yaml", contract)
        self.assertEqual(len(found), 2, found)
        self.assertIn("/info/description", found[0])
        self.assertIn("/paths//x/get/summary", found[1])

    def test_all_pages_of_a_tree_are_read_except_generated_ones(self):
        with tempfile.TemporaryDirectory() as root:
            for name in ("CONTRIBUTING.md", "docs/a.md", "docs/formats/b.md", "docs/reference/c.md", "src/d.md"):
                path = Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("Made anew.\n", encoding="utf-8")
            found = prose.check_pages(root)
        self.assertEqual([line.split(":")[0] for line in found],
                         ["CONTRIBUTING.md", "docs/a.md", "docs/formats/b.md"])


if __name__ == "__main__":
    unittest.main()
