#include "json/tree.h"

#include <gtest/gtest.h>

#include <string>

#include "client/wire.h"
#include "json/reader.h"
#include "json/tree.h"

namespace treadle::wire {
namespace {

bool IsJsonText(std::string_view text) { return !FindJsonError(text, kJsonDepthMax); }

TEST(JsonGrammar, WhatTheServerKeepsIsJsonForItsClientsToo) {
  for (const std::string json :
       {"123456789012345678901234567890", "[1e400, -0, -0.5E+10, 0]", R"("\ud83d")",
        R"({"\ude00":1})", R"( {"a":[null,true,false,{"b":"\"\\\/\b\f\n\r\t\u00e9"}],"c":{}} )"}) {
    EXPECT_TRUE(IsJsonText(json)) << json;
    EXPECT_TRUE(IsJson(json)) << json;
    const auto task = EncodeTask({.type = "t", .payload = json});
    EXPECT_TRUE(task.ok()) << json << task.status().ToString();
  }
}

TEST(JsonGrammar, WhatIsNoJsonIsNone) {
  for (const std::string text :
       {"",    " ",       "01",          "1.",       ".5",       "1e",       "+1",    "-",
        "nul", "[1,]",    "[1 2]",       "{",        "{\"a\"}",  "{\"a\":}", "{a:1}", "{\"a\":1,}",
        "\"",  "\"\\q\"", "\"\\u12x4\"", "\"\x01\"", "\"\xff\"", "1 1",      "[}",    "'a'"}) {
    EXPECT_FALSE(IsJsonText(text)) << text;
    EXPECT_FALSE(IsJson(text)) << text;
  }
}

TEST(JsonGrammar, DepthIsBoundedAsByTheServer) {
  EXPECT_TRUE(IsJsonText(std::string(64, '[') + std::string(64, ']')));
  EXPECT_FALSE(IsJsonText(std::string(65, '[') + std::string(65, ']')));
  EXPECT_FALSE(IsJsonText(std::string(1'000'000, '[')));
}

}  // namespace
}  // namespace treadle::wire
