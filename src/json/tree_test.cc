#include "json/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace treadle {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(std::string_view text) {
  const auto error = FindJsonError(text);
  return error ? error->ToString(text) : "";
}

TEST(JsonTest, ValidValuesHaveNoError) {
  for (const char* text : {"null", " true ", "-0.5e+10", "0", "[]", "{}", R"(["a",{"b":[1,2,{}]}])",
                           R"("\u00e9\ud83d\ude00\n")", "\"é\""}) {
    EXPECT_EQ(ErrorOf(text), "") << text;
  }
}

TEST(JsonTest, AnErrorSaysWhereItIs) {
  EXPECT_EQ(ErrorOf(R"({name:"Ada"})"),
            "expected a key in double quotes, at column 2 (near `name:\"Ada\"}`)");
  EXPECT_EQ(ErrorOf("{\n  \"a\": 1\n  \"b\": 2}"),
            "expected ',' or '}', at line 3, column 3 (near `\"b\": 2}`)");
  EXPECT_EQ(ErrorOf(R"(["é", x])"), "expected a value, at column 7 (near `x]`)");
}

TEST(JsonTest, EveryKindOfMistakeIsNamed) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("the text is empty"));
  EXPECT_THAT(ErrorOf("[1,2"), HasSubstr("ends too early"));
  EXPECT_THAT(ErrorOf("{} {}"), HasSubstr("unexpected text after"));
  EXPECT_THAT(ErrorOf("'a'"), HasSubstr("double quotes"));
  EXPECT_THAT(ErrorOf("01"), HasSubstr("must not begin with 0"));
  EXPECT_THAT(ErrorOf("1."), HasSubstr("digit"));
  EXPECT_THAT(ErrorOf("[1,]"), HasSubstr("expected a value"));
  EXPECT_THAT(ErrorOf(R"({"a" 1})"), HasSubstr("expected ':'"));
  EXPECT_THAT(ErrorOf("\"\x01\""), HasSubstr("control character"));
  EXPECT_THAT(ErrorOf("\"\xff\""), HasSubstr("not UTF-8"));
  EXPECT_THAT(ErrorOf(R"("\q")"), HasSubstr("unknown escape"));
  EXPECT_THAT(ErrorOf(R"("\ud800\u12x4")"), HasSubstr("hexadecimal"));
  EXPECT_THAT(ErrorOf(R"("\u12x4")"), HasSubstr("hexadecimal"));
  EXPECT_THAT(ErrorOf(std::string(100'000, '[')), HasSubstr("nested too deeply"));
}

TEST(JsonTest, ReadsMembersAndKeepsTheTextOfEveryValue) {
  const auto document = ReadJson(R"( {"a":{"n":12345678901234567890.10,"s":"x\u0041"},"i":-7} )");
  ASSERT_TRUE(document.ok());
  const JsonNode* a = document->root.Find("a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->Find("n")->raw, "12345678901234567890.10");
  EXPECT_EQ(a->Text("s"), "xA");
  EXPECT_EQ(document->root.Integer("i"), -7);
  EXPECT_EQ(document->root.Integer("none", 5), 5);
  EXPECT_EQ(document->root.Find("none"), nullptr);
}

TEST(JsonTest, HalfASurrogatePairIsReadAsTheServerKeepsIt) {
  const auto document = ReadJson(R"(["\ud83d", "\ude00x", "\ud83d\u0041", "\ud83d\n"])");
  ASSERT_TRUE(document.ok()) << document.status().ToString();
  const auto& items = document->root.items;
  EXPECT_EQ(items[0].text, "\ufffd");
  EXPECT_EQ(items[0].raw, R"("\ud83d")");
  EXPECT_EQ(items[1].text, "\ufffdx");
  EXPECT_EQ(items[2].text, "\ufffdA");
  EXPECT_EQ(items[3].text, "\ufffd\n");
}

TEST(JsonTest, PrettyKeepsNumbersAndOrder) {
  const auto document = ReadJson(R"({"b":[1.0,{}],"a":[],"c":"\u00e9"})");
  ASSERT_TRUE(document.ok());
  EXPECT_EQ(PrettyJson(document->root),
            "{\n  \"b\": [\n    1.0,\n    {}\n  ],\n  \"a\": [],\n  \"c\": \"\\u00e9\"\n}");
}

TEST(JsonTest, WritesAnObject) {
  EXPECT_EQ(
      JsonObject().Text("t", "a\"\n").Integer("i", -1).Real("r", 1.25, 1).Bool("b", true).Done(),
      R"({"t":"a\"\n","i":-1,"r":1.2,"b":true})");
}

}  // namespace
}  // namespace treadle
