#include "console/table.h"

#include <gtest/gtest.h>

namespace treadle {
namespace {

Console WithColor(bool color) {
  return {{.write = [](std::string_view) { return true; }, .color = color}, {}};
}

TEST(TableTest, ColumnsAreAlignedAndLinesEndWithoutBlanks) {
  Table table({{"ID"}, {"N", Table::Align::kRight}, {"NOTE"}});
  table.Row({"1-1", "5", "é"});
  table.Row({"1-100", "12", ""});
  EXPECT_EQ(table.ToString(WithColor(false)),
            "ID      N  NOTE\n"
            "1-1     5  é\n"
            "1-100  12\n");
}

TEST(TableTest, ColorsDoNotCountAsWidth) {
  Table table({{""}, {""}});
  table.Row({{"a", Color::kRed}, "x"});
  table.Row({"bb", "y"});
  EXPECT_EQ(table.ToString(WithColor(true)), "\x1b[31ma\x1b[0m   x\nbb  y\n");
}

TEST(TableTest, ControlCharactersCannotReachTheTerminal) {
  Table table({{""}});
  table.Row({"a\x1b[2J\nb\u202e"});
  EXPECT_EQ(table.ToString(WithColor(false)), "a\\x1b[2J\\x0ab\\u202e\n");
}

TEST(TableTest, WideCharactersTakeTwoColumns) {
  Table table({{""}, {""}});
  table.Row({"日本", "x"});
  table.Row({"😀", "y"});
  table.Row({"abcd", "z"});
  EXPECT_EQ(table.ToString(WithColor(false)), "日本  x\n😀    y\nabcd  z\n");
}

TEST(TableTest, LinesInTheLastColumnGoOnBelowThemselves) {
  Table table({{""}, {""}});
  table.Row({"error", "Traceback:\n  File \x1b\nKeyError\n"});
  table.Row({"id", "1-7"});
  EXPECT_EQ(table.ToString(WithColor(false)),
            "error  Traceback:\n         File \\x1b\n       KeyError\nid     1-7\n");
}

TEST(ConsoleTest, LinesOnATerminalHaveNoControlCharactersButColors) {
  std::string out;
  Console console({.write = [&](std::string_view t) { return out += t, true; },
                   .is_terminal = true,
                   .color = true},
                  {.write = [&](std::string_view t) { return out += t, true; }});
  console.OutLine(console.PaintOut("red", Color::kRed) + " a\x1b[2Jb\u202e");
  EXPECT_EQ(out, "\x1b[31mred\x1b[0m a\\x1b[2Jb\\u202e\n");
  out.clear();
  console.Message("raw \x1b where nobody looks");
  EXPECT_EQ(out, "raw \x1b where nobody looks\n");
}

}  // namespace
}  // namespace treadle
