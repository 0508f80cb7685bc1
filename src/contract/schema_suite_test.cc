// The official test suite of JSON Schema, draft 7, without its optional part: what Debian's package
// json-schema-test-suite holds.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "contract/json_schema.h"

namespace treadle {
namespace {

using Json = nlohmann::json;

// Groups of tests whose schema is refused, and why. Nothing is decided wrongly: such a schema never
// becomes part of a contract.
const std::map<std::string, std::string> kRefused = {
    {"definitions.json: valid definition", "refers to a schema elsewhere"},
    {"definitions.json: invalid definition", "refers to a schema elsewhere"},
    {"ref.json: remote ref, containing refs itself", "refers to a schema elsewhere"},
    {"ref.json: Recursive references between schemas", "refers by URI, not by place"},
    {"refRemote.json: remote ref", "refers to a schema elsewhere"},
    {"refRemote.json: fragment within remote ref", "refers to a schema elsewhere"},
    {"refRemote.json: ref within remote ref", "refers to a schema elsewhere"},
    {"refRemote.json: base URI change", "refers to a schema elsewhere"},
    {"refRemote.json: base URI change - change folder", "refers to a schema elsewhere"},
    {"refRemote.json: base URI change - change folder in subschema",
     "refers to a schema elsewhere"},
    {"refRemote.json: root ref in remote ref", "refers to a schema elsewhere"},
};

TEST(SchemaSuite, DraftSevenIsDecidedAsTheSuiteExpects) {
  size_t tests = 0;
  std::map<std::string, std::string> refused;
  ASSERT_TRUE(std::filesystem::exists(TREADLE_SCHEMA_SUITE)) << "install json-schema-test-suite";
  for (const auto& entry : std::filesystem::directory_iterator(TREADLE_SCHEMA_SUITE)) {
    if (entry.path().extension() != ".json") continue;
    for (const Json& group : Json::parse(std::ifstream(entry.path()))) {
      const std::string name =
          entry.path().filename().string() + ": " + group.at("description").get<std::string>();
      const auto schema = JsonSchema::Compile(group.at("schema").dump(), "schema");
      if (!schema.ok()) {
        refused.emplace(name, schema.status().message());
        continue;
      }
      for (const Json& test : group.at("tests")) {
        const Status status = (*schema)->Check(test.at("data").dump(), "value");
        EXPECT_EQ(status.ok(), test.at("valid").get<bool>())
            << name << ": " << test.at("description") << ": " << status.message();
        ++tests;
      }
    }
  }
  EXPECT_GT(tests, 400U);
  for (const auto& [name, why] : refused)
    EXPECT_TRUE(kRefused.contains(name)) << name << ": " << why;
  for (const auto& [name, why] : kRefused) EXPECT_TRUE(refused.contains(name)) << name;
}

}  // namespace
}  // namespace treadle
