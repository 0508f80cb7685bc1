#include "cli/table.h"

#include <gtest/gtest.h>

namespace treadle::cli {
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
  EXPECT_EQ(Printable("a\x1b[2J\nb\x7f\xff\xc2\x9b"), "a\\x1b[2J\\x0ab\\x7f\\xff\\xc2\\x9b");
  EXPECT_EQ(Printable("é😀"), "é😀");
}

}  // namespace
}  // namespace treadle::cli
