#include "json/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "json/scan.h"

namespace treadle {
namespace {

using testing::HasSubstr;

struct Pet {
  std::string name;
  int64_t legs = 0;
  bool tame = false;
  std::string raw;
  std::vector<std::string> tags;
};

constexpr JsonField<Pet> kPetFields[] = {
    {"name", [](JsonValue v, Pet* pet) { return ReadText(v, &pet->name); }},
    {"legs", [](JsonValue v, Pet* pet) { return ReadWhole(v, 0, 9, &pet->legs); }},
    {"tame",
     [](JsonValue v, Pet* pet) {
       TREADLE_ASSIGN_OR_RETURN(pet->tame, v.Flag());
       return Status::Ok();
     }},
    {"raw",
     [](JsonValue v, Pet* pet) {
       TREADLE_ASSIGN_OR_RETURN(pet->raw, v.Raw());
       return Status::Ok();
     }},
    {"tags", [](JsonValue v, Pet* pet) { return ReadTexts(v, 2, &pet->tags); }},
};

Result<Pet> Parse(std::string body) {
  Pet pet;
  const Status status = ParseJson(&body, "the request body", [&](JsonValue value) {
    return ReadObject(value, kPetFields, &pet);
  });
  if (!status.ok()) return status;
  return pet;
}

std::string PetErrorOf(const std::string& body) {
  const auto pet = Parse(body);
  EXPECT_FALSE(pet.ok()) << body;
  EXPECT_EQ(pet.status().code(), Code::kInvalidArgument);
  return pet.status().message();
}

TEST(JsonIn, ReadsWhatATableNames) {
  const auto pet = Parse(R"( {"tags":["a","b"], "name" : "R\u0065x\n", "legs":4 ,"tame":true } )");
  ASSERT_TRUE(pet.ok()) << pet.status().ToString();
  EXPECT_EQ(pet->name, "Rex\n");
  EXPECT_EQ(pet->legs, 4);
  EXPECT_TRUE(pet->tame);
  EXPECT_EQ(pet->tags, (std::vector<std::string>{"a", "b"}));
}

TEST(JsonIn, KeysThatAreOnlyPassedOnFollowTheSameRulesAsTexts) {
  for (const char* good : {R"({"\ud83d":1})", R"({"":{"\"\\":[{"\u00e9":2}]}})"})
    EXPECT_TRUE(CheckJson(good, "payload").ok()) << good;
  for (const char* bad : {R"({"\q":1})", R"({"\u12x4":1})", R"({"\u12":1})", R"([{"a\x":1}])"})
    EXPECT_EQ(CheckJson(bad, "payload").code(), Code::kInvalidArgument) << bad;
}

// simdjson takes a string with a colon behind it for a key, wherever it skips one.
TEST(JsonIn, AStringFollowedByAColonIsNotAValue) {
  for (const std::string text :
       {R"({"b":"x":null,"e":true}})", R"({"b":"x":null,"e":1})", R"({"b":"x":1})", R"(["x":1])",
        R"({"a":[0],"b":"":null,"e":tnull,"e":true}})", R"([["x":null],1]])", R"({"b":"x":{}})"}) {
    EXPECT_EQ(CheckJson(text, "payload").code(), Code::kInvalidArgument) << text;
    std::string body = R"({"payload":)" + text + "}";
    const Status status = ParseJson(&body, "the request body", [](JsonValue value) {
      return value.Fields(std::array<std::string_view, 1>{"payload"},
                          [](size_t, JsonValue each) { return each.Raw().status(); });
    });
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << body;
  }
}

TEST(JsonIn, RawValuesKeepTheirBytes) {
  for (const std::string raw :
       {R"({ "b" : [1, 2.50, -0e+7 ] , "a":{}})", R"([ ])", R"([[],{ } , ""])",
        R"("x\u00e9\ud800")", "123456789012345678901234567890", "-1.5e999", "true", "null",
        R"({"a":1, "a":2})", "\"\xc3\xa9\""}) {
    for (const std::string& body :
         {R"({"raw":)" + raw + "}", R"({"raw" : )" + raw + R"( , "legs":3})"}) {
      const auto pet = Parse(body);
      ASSERT_TRUE(pet.ok()) << pet.status().ToString() << " for " << body;
      EXPECT_EQ(pet->raw, raw);
    }
    EXPECT_TRUE(CheckJson(raw, "it").ok()) << raw;
    EXPECT_TRUE(CheckJson(" " + raw + "\n", "it").ok()) << raw;
  }
}

TEST(JsonIn, MalformedDocumentsAreRefusedWhereverTheyBreak) {
  for (const std::string bad : {"",
                                " ",
                                "{",
                                "}",
                                "[",
                                "nul",
                                "truex",
                                "01",
                                "1.",
                                ".5",
                                "+1",
                                "1e",
                                "-",
                                "--1",
                                "\"",
                                "\"\\x\"",
                                "\"\\u12g4\"",
                                "\"\\u12\"",
                                "[1,]",
                                "[,1]",
                                "[1 2]",
                                "{\"a\"}",
                                "{\"a\":}",
                                "{\"a\":1,}",
                                "{\"a\" 1}",
                                "{a:1}",
                                "{1:1}",
                                "[1]]",
                                "{}{}",
                                "1 2",
                                "[1}",
                                "{\"a\":1]",
                                "'a'",
                                "NaN",
                                "Infinity",
                                "\"a\nb\"",
                                "\"\x01\"",
                                "\"\xff\"",
                                "\"\xc0\xaf\"",
                                "\"\xed\xa0\x80\"",
                                "\xff",
                                "[\"a\"b]",
                                "[1,2",
                                "{\"a\":{\"b\":1}",
                                "{\"a\":1}}",
                                "\"a\" \"b\"",
                                "{\"\\q\":1}",
                                "[tru]",
                                "[1.2.3]",
                                "\xef\xbb\xbf{}",
                                "[1]x",
                                "nullnull",
                                "//x\n1"}) {
    EXPECT_FALSE(CheckJson(bad, "it").ok()) << bad;
    const auto pet = Parse("{\"raw\":" + bad + "}");
    EXPECT_FALSE(pet.ok()) << bad;
  }
  EXPECT_FALSE(CheckJson(std::string("1\0", 2), "it").ok());
}

TEST(JsonIn, ErrorsNameTheProblemAndThePlace) {
  EXPECT_EQ(PetErrorOf(R"({"name":1})"), "name must be a string");
  EXPECT_EQ(PetErrorOf(R"({"tame":"true"})"), "tame must be true or false");
  EXPECT_EQ(PetErrorOf(R"({"tags":["a",3]})"), "tags[1] must be a string");
  EXPECT_EQ(PetErrorOf(R"({"tags":["a","b","c"]})"), "tags must have at most 2 entries");
  EXPECT_EQ(PetErrorOf(R"({"tags":{}})"), "tags must be an array");
  EXPECT_EQ(PetErrorOf("[]"), "the request body must be an object");
  EXPECT_EQ(PetErrorOf("7"), "the request body must be an object");
  EXPECT_EQ(PetErrorOf(R"({"name":"a","name":"b"})"), "the field \"name\" comes twice");
  EXPECT_EQ(PetErrorOf(R"({"colour":1})"),
            "unknown field \"colour\"; known fields are name, legs, tame, raw, tags");
  EXPECT_THAT(PetErrorOf(R"({"name":"a",})"), HasSubstr("at byte 12"));
  EXPECT_THAT(PetErrorOf(""), HasSubstr("it is empty"));
}

TEST(JsonIn, NumbersOutOfRangeAreRefused) {
  for (const char* number :
       {"-1", "10", "4.5", "45e-1", "\"4\"", "null", "true", "[]", "{}", "99999999999999999999",
        "-99999999999999999999", "4.00000000000000000000000001", "1e999999999999999999999",
        "1e-999999999999999999999"}) {
    EXPECT_EQ(PetErrorOf(std::string(R"({"legs":)") + number + "}"),
              "legs must be a whole number from 0 to 9");
  }
}

// As JSON Schema has it, and exactly: no double lies between.
TEST(JsonIn, AWholeNumberMayBeWrittenWithFractionAndExponent) {
  const auto legs = [](const std::string& number) {
    const auto pet = Parse(R"({"legs":)" + number + "}");
    return pet.ok() ? pet->legs : -1;
  };
  for (const char* four : {"4", "4.0", "4.000", "4e0", "4E+0", "0.4e1", "40e-1", "400.0e-2"})
    EXPECT_EQ(legs(four), 4) << four;
  for (const char* zero : {"0", "-0", "0.0", "-0.0e7", "0e999999999999"})
    EXPECT_EQ(legs(zero), 0) << zero;
  EXPECT_EQ(WholeJsonNumber("9007199254740993.0"), 9'007'199'254'740'993);
  EXPECT_EQ(WholeJsonNumber("9223372036854775807.00"), INT64_MAX);
  EXPECT_EQ(WholeJsonNumber("-9.223372036854775808e18"), INT64_MIN);
  EXPECT_EQ(WholeJsonNumber("9.223372036854775808e18"), std::nullopt);
}

TEST(JsonIn, ExtraTextAfterADocumentIsReportedAsSuch) {
  for (const std::string junk :
       {"x", " {", "]", "}", ",", "\"", " {\"a\":1}", "1", " null", "//"}) {
    for (const std::string good : {R"({"name":"a}"})", R"({"tags":["]"]} )", R"({"raw":[{}]})"})
      EXPECT_THAT(PetErrorOf(good + junk), HasSubstr("there is extra text after its end"))
          << good << junk;
  }
  EXPECT_THAT(PetErrorOf(R"({"name":"a"}  x)"), HasSubstr("at byte 14"));
  EXPECT_THAT(PetErrorOf(R"({"name":"a")"), HasSubstr("an array or object is not closed"));
}

TEST(JsonIn, DepthIsBounded) {
  const auto nested = [](int depth) {
    return std::string(static_cast<size_t>(depth), '[') +
           std::string(static_cast<size_t>(depth), ']');
  };
  EXPECT_TRUE(CheckJson(nested(kJsonDepthMax), "it").ok());
  EXPECT_EQ(CheckJson(nested(kJsonDepthMax + 1), "it").message(),
            "it is nested deeper than 64 levels");
  EXPECT_THAT(PetErrorOf(R"({"raw":)" + nested(2'000'000) + "}"), HasSubstr("nested deeper"));
}

TEST(JsonIn, LargeBodiesAreRead) {
  const std::string raw = "\"" + std::string(5 << 20, 'x') + "\"";
  const auto pet = Parse(R"({"raw":)" + raw + "}");
  ASSERT_TRUE(pet.ok());
  EXPECT_EQ(pet->raw, raw);
}

}  // namespace
}  // namespace treadle
