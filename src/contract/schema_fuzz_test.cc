// Schemas and values by chance: whatever comes, the answer is a sentence, and it comes soon.

#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "base/test_rounds.h"
#include "contract/json_schema.h"

namespace treadle {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

class Chance {
 public:
  explicit Chance(uint64_t seed) : random_(seed) {}

  size_t Below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }
  template <class T, size_t N>
  const T& One(const T (&of)[N]) {
    return of[Below(N)];
  }

  Json Value(int depth) {
    static const Json kScalars[] = {nullptr,
                                    true,
                                    false,
                                    0,
                                    1,
                                    -1,
                                    1.5,
                                    1e300,
                                    18446744073709551615U,
                                    "",
                                    "a",
                                    "aaaa",
                                    "\xc3\xa4",
                                    std::string(1, '\0')};
    const size_t kind = Below(depth > 0 ? 4 : 2);
    if (kind < 2) return One(kScalars);
    Json value = kind == 2 ? Json::array() : Json::object();
    for (size_t i = Below(5); i > 0; --i) {
      if (kind == 2)
        value.push_back(Value(depth - 1));
      else
        value[Name()] = Value(depth - 1);
    }
    return value;
  }

  Json Schema(int depth) {
    if (Below(12) == 0) return Below(2) == 0;
    Json schema = Json::object();
    for (size_t i = Below(5); i > 0; --i) AddKeyword(&schema, depth);
    return schema;
  }

 private:
  std::string Name() {
    static constexpr const char* kNames[] = {"a", "b", "a/b", "~", "%25", "$ref", "title", ""};
    return One(kNames);
  }

  Json Some(int depth) {
    Json list = Json::array();
    for (size_t i = Below(3) + 1; i > 0; --i) list.push_back(Schema(depth - 1));
    return list;
  }

  void AddKeyword(Json* schema, int depth) {
    static constexpr const char* kOne[] = {"not",
                                           "if",
                                           "then",
                                           "else",
                                           "contains",
                                           "items",
                                           "additionalItems",
                                           "additionalProperties",
                                           "propertyNames"};
    static constexpr const char* kList[] = {"allOf", "anyOf", "oneOf", "items"};
    static constexpr const char* kMap[] = {"properties", "patternProperties", "dependencies",
                                           "definitions"};
    static constexpr const char* kNumber[] = {
        "minimum",    "maximum",       "exclusiveMinimum", "exclusiveMaximum",
        "multipleOf", "minLength",     "maxLength",        "minItems",
        "maxItems",   "minProperties", "maxProperties"};
    static constexpr const char* kTypes[] = {"array",  "boolean", "integer", "null",
                                             "number", "object",  "string"};
    static constexpr const char* kRefs[] = {
        "#",         "#/",      "#/definitions/a",    "#/properties/a",
        "#/allOf/0", "#/items", "#/definitions/a~1b", "#/%"};
    static constexpr const char* kPatterns[] = {"^a", "a+$", "(a|b)*c", "^(a+)+$", "\\d{3}", "["};
    static const Json kNumbers[] = {0, 1, 2, 2.0, 0.1, -3, 1e300, 18446744073709551615U, 3.5};
    const size_t kind = Below(depth > 0 ? 11 : 6);
    Json& out = *schema;
    if (kind == 0) out["type"] = One(kTypes);
    if (kind == 1) out[One(kNumber)] = One(kNumbers);
    if (kind == 2) out["pattern"] = One(kPatterns);
    if (kind == 3) out[Below(2) == 0 ? "enum" : "const"] = Value(2);
    if (kind == 4) out["$ref"] = One(kRefs);
    if (kind == 5) out["uniqueItems"] = true, out["required"] = {Name()};
    if (kind == 6 || kind == 7) out[One(kOne)] = Schema(depth - 1);
    if (kind == 8) out[One(kList)] = Some(depth);
    if (kind > 8)
      for (size_t i = Below(3) + 1; i > 0; --i) out[One(kMap)][Name()] = Schema(depth - 1);
  }

  std::mt19937_64 random_;
};

TEST(SchemaFuzz, AnyInputGetsAQuickAnswerInOneSentence) {
  size_t compiled = 0;
  size_t fitting = 0;
  const uint64_t seeds = TestRounds(10'000U, 1'500U);
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    Chance chance(seed);
    const std::string text = chance.Schema(5).dump();
    const auto start = Clock::now();
    const auto schema = JsonSchema::Compile(text, "schema");
    if (!schema.ok()) {
      EXPECT_EQ(schema.status().message().substr(0, 6), "schema") << seed << ' ' << text;
      continue;
    }
    ++compiled;
    for (int i = 0; i < 5; ++i) {
      const std::string value = chance.Value(4).dump();
      const Status status = (*schema)->Check(value, "payload");
      fitting += status.ok();
      if (!status.ok()) {
        EXPECT_EQ(status.message().substr(0, 7), "payload") << seed << ' ' << text << ' ' << value;
        EXPECT_GT(status.message().size(), 15U);
      }
    }
    EXPECT_LT(Clock::now() - start, std::chrono::seconds(5)) << seed << ' ' << text;
  }
  EXPECT_GT(compiled, seeds / 10);
  EXPECT_GT(fitting, seeds / 10);
}

TEST(SchemaFuzz, BrokenTextsAreRefused) {
  std::mt19937_64 random(1);
  const std::string good = R"({"type":"object","properties":{"a":{"pattern":"^a$","$ref":"#"}}})";
  for (unsigned i = 0; i < TestRounds(20'000U, 5'000U); ++i) {
    std::string text = good;
    for (int changes = 0; changes < 3; ++changes)
      text[random() % text.size()] = static_cast<char>(random());
    const auto schema = JsonSchema::Compile(text, "schema");
    if (schema.ok()) (void)(*schema)->Check(good, "payload");
    if (schema.ok()) (void)(*schema)->Check(text, "payload");
  }
}

}  // namespace
}  // namespace treadle
