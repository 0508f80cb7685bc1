#include "base/terminal_text.h"

#include <gtest/gtest.h>

namespace treadle {
namespace {

TEST(TerminalText, ControlCharactersAndBrokenBytesAreEscaped) {
  EXPECT_EQ(Printable("a\x1b[2J\nb\x7f\xff"), "a\\x1b[2J\\x0ab\\x7f\\xff");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m");
  EXPECT_EQ(Printable("é😀 naïve"), "é😀 naïve");
}

TEST(TerminalText, CharactersThatHideOrReverseTextAreEscaped) {
  EXPECT_EQ(Printable("exe.\u202ecod"), "exe.\\u202ecod");
  EXPECT_EQ(Printable("pay\u200bpal\u200d\u200c\ufeff\u2060\u00ad"),
            "pay\\u200bpal\\u200d\\u200c\\ufeff\\u2060\\u00ad");
  EXPECT_EQ(Printable("\u2066x\u2069\u200f\u2028"), "\\u2066x\\u2069\\u200f\\u2028");
  EXPECT_EQ(Printable("a\U000E0041"), "a\\U000e0041");
  EXPECT_EQ(Printable("a\ufe0f"), "a\\ufe0f");
}

TEST(TerminalText, EmojiAndLettersThatNeedJoinersStayWhole) {
  for (const char* text : {"👨‍👩‍👧", "❤️", "👩🏽‍🚀", "1️⃣", "🇩🇪",
                           "می‌خواهم", "क्‍ष", "e\u0301"})
    EXPECT_EQ(Printable(text), text);
}

TEST(TerminalText, LinesKeepTheirEndsAndTabs) {
  EXPECT_EQ(PrintableLines("a\tb\r\nc\rd\x1b\n"), "a\tb\nc\\x0dd\\x1b\n");
}

TEST(TerminalText, JsonStaysTheSameJson) {
  EXPECT_EQ(PrintableJson("{\n  \"a\": \"\u202e\xc2\x9b\x7f\U000E0041é\"\n}"),
            "{\n  \"a\": \"\\u202e\\u009b\\u007f\\udb40\\udc41é\"\n}");
}

TEST(TerminalText, AStreamMayBeCutWithinACharacter) {
  const std::string text = "a😀\r\n\u202eé\x1b[0m\xf0\x9f";
  for (size_t size = 1; size <= text.size(); ++size) {
    TerminalStream stream;
    std::string out;
    for (size_t i = 0; i < text.size(); i += size) out += stream.Feed(text.substr(i, size));
    out += stream.End();
    EXPECT_EQ(out, "a😀\n\\u202eé\\x1b[0m\\xf0\\x9f") << size;
  }
}

TEST(TerminalText, WidthIsThatOfTheColumnsOnATerminal) {
  EXPECT_EQ(WidthInColumns("abc"), 3u);
  EXPECT_EQ(WidthInColumns("é"), 1u);
  EXPECT_EQ(WidthInColumns("e\u0301"), 1u);
  EXPECT_EQ(WidthInColumns("日本"), 4u);
  EXPECT_EQ(WidthInColumns("😀"), 2u);
  EXPECT_EQ(WidthInColumns("👨‍👩‍👧"), 2u);
  EXPECT_EQ(WidthInColumns("🇩🇪"), 2u);
  EXPECT_EQ(WidthInColumns("❤️"), 2u);
}

TEST(TerminalText, TextIsCutBetweenCharactersAsPeopleSeeThem) {
  EXPECT_EQ(Shortened("short", 5), "short");
  EXPECT_EQ(Shortened("shorts", 5), "shor…");
  EXPECT_EQ(Shortened("ab😀cd", 4), "ab…");
  EXPECT_EQ(Shortened("ab😀cd", 5), "ab😀…");
  EXPECT_EQ(Shortened("a👨‍👩‍👧b", 3), "a…");
  EXPECT_EQ(Shortened("a👨‍👩‍👧", 3), "a👨‍👩‍👧");
  EXPECT_EQ(Shortened("cafe\u0301s and more", 5), "cafe\u0301…");
  EXPECT_EQ(Shortened("日本語", 4), "日…");
}

TEST(TerminalText, TheTellingLineOfATracebackIsItsLast) {
  EXPECT_EQ(TellingLine("Traceback (most recent call last):\n  File \"x.py\", line 1, in <module>\n"
                        "    print({}['name'])\nKeyError: 'name'\n\n"),
            "KeyError: 'name'");
  EXPECT_EQ(TellingLine("/x.js:3\n    throw new Error('boom');\n    ^\n\nError: boom\n"
                        "    at Object.<anonymous> (/x.js:3:7)\n    at node:internal\n\nNode.js "
                        "v18.19.0\n"),
            "Error: boom");
  EXPECT_EQ(TellingLine("x.rb:1:in `f': boom (RuntimeError)\n\tfrom x.rb:2:in `<main>'"),
            "x.rb:1:in `f': boom (RuntimeError)");
  EXPECT_EQ(TellingLine("no such host"), "no such host");
  EXPECT_EQ(TellingLine("first\r\nlast\r\n"), "last");
  EXPECT_EQ(TellingLine(""), "");
  EXPECT_EQ(TellingLine("\n \n"), "\n \n");
}

}  // namespace
}  // namespace treadle
