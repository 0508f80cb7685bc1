#include "json/text.h"

#include <gtest/gtest.h>

namespace treadle {
namespace {

std::string Json(std::string_view text) {
  std::string out;
  AppendJsonString(text, &out);
  return out;
}

TEST(JsonText, EscapesWhatJsonForbids) {
  EXPECT_EQ(Json("a\"b\\c\n\r\t\x01\x1f/\x7f"), "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f/\x7f\"");
  EXPECT_EQ(Json(std::string_view("\0", 1)), "\"\\u0000\"");
  EXPECT_EQ(Json(""), "\"\"");
}

TEST(JsonText, KeepsValidUtf8) {
  const std::string text = "é € 😀 \xed\x9f\xbf \xf4\x8f\xbf\xbf";
  EXPECT_EQ(Json(text), "\"" + text + "\"");
}

TEST(JsonText, ReplacesEachInvalidSequenceWithOneMark) {
  const std::string mark = "\xef\xbf\xbd";
  EXPECT_EQ(Json("a\x80z"), "\"a" + mark + "z\"");
  EXPECT_EQ(Json("\xe2\x82"), "\"" + mark + "\"");                               // cut short
  EXPECT_EQ(Json("\xe2\x82z"), "\"" + mark + "z\"");                             // broken off
  EXPECT_EQ(Json("\xe2\x82\n"), "\"" + mark + "\\n\"");                          // the same
  EXPECT_EQ(Json("\xc0\xaf"), "\"" + mark + mark + "\"");                        // overlong
  EXPECT_EQ(Json("\xed\xa0\x80"), "\"" + mark + mark + mark + "\"");             // surrogate
  EXPECT_EQ(Json("\xf4\x90\x80\x80"), "\"" + mark + mark + mark + mark + "\"");  // too large
}

}  // namespace
}  // namespace treadle
