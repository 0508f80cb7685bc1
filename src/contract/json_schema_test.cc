#include "contract/json_schema.h"

#include <gtest/gtest.h>

#include <string>

#include "base/test_rounds.h"

namespace treadle {
namespace {

std::string Fault(std::string_view schema, std::string_view value) {
  const auto compiled = JsonSchema::Compile(schema, "schema");
  if (!compiled.ok()) return "schema refused: " + compiled.status().message();
  const Status status = (*compiled)->Check(value, "payload");
  EXPECT_TRUE(status.ok() || status.code() == Code::kInvalidArgument);
  return status.message();
}

std::string Refusal(std::string_view schema) {
  const auto compiled = JsonSchema::Compile(schema, "input_schema");
  return compiled.ok() ? "" : compiled.status().message();
}

std::string Repeated(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(JsonSchema, ReportsTheFirstFaultWithItsPathInPlainWords) {
  const std::string order = R"({
    "type": "object", "required": ["id"], "additionalProperties": false,
    "properties": {
      "id": {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[a-z]+$"},
      "state": {"enum": ["new", "old"]}, "kind": {"const": 1},
      "note": {"type": ["string", "null"]},
      "items": {"type": "array", "maxItems": 3, "uniqueItems": true, "items": {
        "type": "object", "properties": {
          "price": {"type": "number", "minimum": 0, "exclusiveMaximum": 100,
                    "multipleOf": 0.5}}}}}})";
  EXPECT_EQ(Fault(order, R"({"id":"ab","items":[{"price":1.5}]})"), "");
  EXPECT_EQ(Fault(order, R"([])"), "payload must be an object");
  EXPECT_EQ(Fault(order, R"({})"), "payload.id is missing");
  EXPECT_EQ(Fault(order, R"({"id":1})"), "payload.id must be a string");
  EXPECT_EQ(Fault(order, R"({"id":"a"})"), "payload.id must have at least 2 characters");
  EXPECT_EQ(Fault(order, R"({"id":"aäöüü"})"), "payload.id must have at most 4 characters");
  EXPECT_EQ(Fault(order, R"({"id":"a1"})"), "payload.id must match the pattern ^[a-z]+$");
  EXPECT_EQ(Fault(order, R"({"id":"ab","x y":1})"), "payload must not have the property \"x y\"");
  EXPECT_EQ(Fault(order, R"({"id":"ab","state":3})"),
            R"(payload.state must be one of ["new","old"])");
  EXPECT_EQ(Fault(order, R"({"id":"ab","kind":2})"), "payload.kind must be 1");
  EXPECT_EQ(Fault(order, R"({"id":"ab","kind":1.0})"), "");
  EXPECT_EQ(Fault(order, R"({"id":"ab","note":2})"), "payload.note must be null or a string");
  const auto item = [&](const std::string& items) {
    return Fault(order, R"({"id":"ab","items":[)" + items + "]}");
  };
  EXPECT_EQ(item(R"({},{"price":"1"})"), "payload.items[1].price must be a number");
  EXPECT_EQ(item(R"({"price":-1})"), "payload.items[0].price must be at least 0.0");
  EXPECT_EQ(item(R"({"price":100})"), "payload.items[0].price must be less than 100.0");
  EXPECT_EQ(item(R"({"price":0.3})"), "payload.items[0].price must be a multiple of 0.5");
  EXPECT_EQ(item("{},[],[],[]"), "payload.items[1] must be an object");
  EXPECT_EQ(Fault(R"({"maxItems":1})", "[1,2]"), "payload must have at most 1 items");
  EXPECT_EQ(item("{},{}"), "payload.items must not contain the same item twice: {}");
}

TEST(JsonSchema, OfSeveralSchemasTheDeepestFaultIsReported) {
  const std::string shape = R"({"oneOf": [
    {"properties": {"circle": {"properties": {"r": {"type": "number"}}}}, "required": ["circle"]},
    {"properties": {"square": {"type": "object"}}, "required": ["square"]}]})";
  EXPECT_EQ(Fault(shape, R"({"circle":{"r":"1"}})"), "payload.circle.r must be a number");
  EXPECT_EQ(Fault(shape, "3"), "payload fits more than one schema of \"oneOf\"");
  EXPECT_EQ(Fault(R"({"anyOf":[{"type":"string"},{"type":"null"}]})", "3"),
            "payload must be a string, or must be null");
  EXPECT_EQ(Fault(R"({"anyOf":[false,false,false,false]})", "3"),
            "payload must fit one of the 4 schemas of \"anyOf\"");
}

TEST(JsonSchema, AnInvalidOneIsRefusedWithThePath) {
  EXPECT_EQ(Refusal("3"), "input_schema must be a boolean or an object");
  EXPECT_EQ(
      Refusal(R"({"properties":{"price":{"type":"nummber"}}})"),
      "input_schema.properties.price.type must be one of "
      R"(["array","boolean","integer","null","number","object","string"], or must be an array)");
  EXPECT_EQ(Refusal(R"({"required":["a","a"]})"),
            "input_schema.required must not contain the same item twice: \"a\"");
  EXPECT_EQ(Refusal(R"({"minLength":-1})"), "input_schema.minLength must be at least 0.0");
  EXPECT_EQ(Refusal(R"({"multipleOf":0})"), "input_schema.multipleOf must be more than 0.0");
  EXPECT_EQ(Refusal(R"({"$schema":"https://json-schema.org/draft/2020-12/schema"})").substr(0, 28),
            "input_schema.$schema must be");
  EXPECT_EQ(Refusal("{"), "input_schema is not JSON, or contains half a surrogate pair");
  EXPECT_EQ(Refusal(R"({"maximum":1e999})"),
            "input_schema contains a number that is too large to check");
  EXPECT_EQ(Refusal(R"({"description":")" + std::string(70'000, 'x') + "\"}"),
            "input_schema must have at most 65536 bytes");
}

TEST(JsonSchema, RefersOnlyToItself) {
  for (const char* ref : {"http://localhost/x.json", "other.json#/a", "file:///etc/passwd", ""})
    EXPECT_EQ(Refusal(R"({"items":{"$ref":")" + std::string(ref) + "\"}}"),
              "input_schema.items.$ref must begin with #: only references within the schema are "
              "supported");
  EXPECT_EQ(Refusal(R"({"items":{"$ref":"#/definitions/a"}})"),
            "input_schema.items.$ref points to nothing in this schema");
  for (const char* ref : {"#/%de", "#/%", "#/%4", "#/a%zz"})
    EXPECT_EQ(Refusal(R"({"items":{"$ref":")" + std::string(ref) + "\"}}"),
              "input_schema.items.$ref points to nothing in this schema");
  EXPECT_EQ(Refusal(R"({"items":{"$ref":"#a"}})"),
            "input_schema.items.$ref must be a JSON pointer such as #/definitions/address");
  EXPECT_EQ(Refusal(R"({"$ref":"#/x","x":{"type":7}})").substr(0, 23), "input_schema.$ref.type ");
  EXPECT_EQ(Refusal(R"({"items":{"$id":"http://localhost/a"}})"),
            "input_schema.items.$id is not supported inside a schema: refer to the subschema by "
            "its place");
}

TEST(JsonSchema, RecursesThroughValuesAndNeverWithoutThem) {
  const std::string tree = R"({"type":"object","properties":{"v":{"type":"integer"},
    "children":{"type":"array","items":{"$ref":"#"}}},"additionalProperties":false})";
  EXPECT_EQ(Fault(tree, R"({"v":1,"children":[{"v":2,"children":[]}]})"), "");
  EXPECT_EQ(Fault(tree, R"({"children":[{"children":[{},{"v":0.5}]}]})"),
            "payload.children[0].children[1].v must be an integer");
  EXPECT_EQ(Refusal(R"({"$ref":"#"})"),
            "input_schema" + Repeated(".$ref", 65) + " is an endless chain of references");
  for (const char* schema :
       {R"({"allOf":[{"$ref":"#"}]})", R"({"not":{"$ref":"#"}})",
        R"({"dependencies":{"a":{"$ref":"#"}}})", R"({"if":true,"then":{"anyOf":[{"$ref":"#"}]}})"})
    EXPECT_EQ(Refusal(schema), "input_schema refers to itself for the same value, without end");
}

TEST(JsonSchema, AcceptsOnlyPatternsOfLinearTime) {
  EXPECT_EQ(Fault(R"({"pattern":"^\\d{2}$"})", R"("12\n")"),
            R"(payload must match the pattern ^\d{2}$)");
  EXPECT_EQ(Fault(R"x({"pattern":"^caf\\u00e9 (?<n>x)$"})x", R"("café x")"), "");
  EXPECT_EQ(
      Refusal(R"x({"properties":{"a":{"pattern":"(?=a)"}}})x"),
      "input_schema.properties.a.pattern must be a regular expression without look-around and "
      "back references (RE2): invalid perl operator: (?=");
  EXPECT_NE(Refusal(R"x({"patternProperties":{"(a)\\1":true}})x"), "");
  EXPECT_NE(Refusal(R"({"pattern":")" + std::string(2'000, 'a') + "\"}"), "");
  EXPECT_NE(Refusal(R"x({"pattern":"((\\pL{30}){30}){30}"})x"), "");
  // What std::regex would need exponential time, or all of the stack, for.
  EXPECT_EQ(Fault(R"x({"pattern":"^(a+)+$"})x", "\"" + std::string(200'000, 'a') + "!\""),
            "payload must match the pattern ^(a+)+$");
}

TEST(JsonSchema, ComparesNumbersBeyondDoublesAndRefusesThoseItCannotHold) {
  EXPECT_EQ(Fault(R"({"type":"integer"})", "123456789012345678901234567890"), "");
  EXPECT_EQ(Fault(R"({"const":9007199254740993})", "9007199254740993"), "");
  EXPECT_EQ(Fault(R"({"const":9007199254740993})", "9007199254740992"),
            "payload must be 9007199254740993");
  EXPECT_EQ(Fault(R"({"uniqueItems":true})", "[9007199254740993,9007199254740992.0]"), "");
  EXPECT_EQ(Fault(R"({"multipleOf":2})", "18446744073709551615"),
            "payload must be a multiple of 2");
  EXPECT_EQ(Fault("{}", "1e400"), "payload contains a number that is too large to check");
  EXPECT_EQ(Fault(R"({"maxLength":1e30,"minimum":-1e300})", "5"), "");
}

TEST(JsonSchema, TheWorkForAValueIsBoundedByItsSize) {
  // 2^40 ways through the schema.
  std::string doubling = R"({"allOf":[{"$ref":"#/d/39"},{"$ref":"#/d/39"}],"d":[{})";
  for (int i = 0; i < 39; ++i) {
    const std::string below = R"({"$ref":"#/d/)" + std::to_string(i) + "\"}";
    doubling += R"(,{"allOf":[)" + below + "," + below + "]}";
  }
  doubling += "]}";
  EXPECT_EQ(Fault(doubling, "1"), "payload takes more work to check than its size allows");
  std::string deep = R"({"$ref":"#/d/1000","d":[{})";
  for (int i = 0; i < 1'000; ++i)
    deep += R"(,{"allOf":[{"$ref":"#/d/)" + std::to_string(i) + "\"}]}";
  EXPECT_EQ(Fault(deep + "]}", "1"), "payload takes more work to check than its size allows");
}

TEST(JsonSchema, LargeValuesAreCheckedWhole) {
  const size_t count = TestRounds(500'000U, 50'000U);
  const std::string ones = "[" + Repeated("1,", count) + "\"2\"]";
  EXPECT_EQ(Fault(R"({"items":{"type":"integer"}})", ones),
            "payload[" + std::to_string(count) + "] must be an integer");
  EXPECT_EQ(Fault(R"({"uniqueItems":true})", ones),
            "payload must not contain the same item twice: 1");
}

// A match cannot be interrupted, and RE2 takes a thousand times as long where its automaton does
// not fit: so what one may cost is bounded by text and pattern.
TEST(JsonSchema, ATextThatIsTooLongForItsPatternIsRefusedUnmatched) {
  const std::string schema = R"({"properties":{"a":{"pattern":"([ab]{1,60}){1,3}c"}}})";
  const auto text = [](size_t size) { return R"({"a":")" + std::string(size, 'a') + "\"}"; };
  EXPECT_EQ(Fault(schema, text(100'000)),
            "payload.a is too long to match against the pattern ([ab]{1,60}){1,3}c");
  EXPECT_EQ(Fault(R"({"properties":{"a":{"pattern":"^[a-z]+$"}}})", text(1'000'000)), "");
}

TEST(JsonSchema, AValueThatTakesMoreTimeThanTheBudgetHasIsRefused) {
  std::string properties;
  for (int i = 0; i < 8; ++i)
    properties +=
        (i == 0 ? "" : ",") + ("{\"pattern\":\"[ab]*a[ab]{" + std::to_string(20 + i)) + "}c|a\"}";
  const auto schema = JsonSchema::Compile(R"({"items":{"allOf":[)" + properties + "]}}", "schema");
  ASSERT_TRUE(schema.ok()) << schema.status().ToString();
  const std::string value = "[" + Repeated("\"" + std::string(2'000, 'b') + "a\",", 20) + "1]";
  EXPECT_TRUE((*schema)->Check(value, "payload").ok());
  const CheckBudget spent(0);
  EXPECT_EQ((*schema)->Check(value, "payload", &spent).message(),
            "payload takes more processor time to check than a request may use: make it smaller, "
            "or simplify "
            "the patterns of the schema");
  const CheckBudget enough(60'000);
  EXPECT_TRUE((*schema)->Check(value, "payload", &enough).ok());
  EXPECT_TRUE((*schema)->Check("1", "payload", &spent).ok());  // nobody looks at the clock for it
}

}  // namespace
}  // namespace treadle
