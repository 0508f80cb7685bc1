#include "contract/json_schema.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "contract/draft7.h"
#include "contract/schema_check.h"
#include "contract/schema_table.h"
#include "model/limits.h"

namespace treadle {
namespace {

// What is grammatical and cannot be held all the same: 1e400, half a surrogate pair.
Result<SchemaJson> Parse(std::string_view text, std::string_view name) {
  try {
    return SchemaJson::parse(text);
  } catch (const SchemaJson::out_of_range&) {
    return Status(Code::kInvalidArgument,
                  std::string(name) + " contains a number that is too large to check");
  } catch (const SchemaJson::exception&) {
    return Status(Code::kInvalidArgument,
                  std::string(name) + " is not JSON, or contains half a surrogate pair");
  }
}

const SchemaTable& Draft7() {
  static const std::unique_ptr<const SchemaTable> table = [] {
    const auto schema = Parse(kDraft7Schema, "draft 7");
    TREADLE_CHECK(schema.ok());
    auto made = SchemaTable::Make(*schema, "draft 7", nullptr);
    TREADLE_CHECK(made.ok());
    return *std::move(made);
  }();
  return *table;
}

Status CheckDialect(const SchemaJson& schema, std::string_view name) {
  if (!schema.is_object() || !schema.contains("$schema")) return {};
  const auto* const said = schema.at("$schema").get_ptr<const std::string*>();
  if (said != nullptr && (*said == "http://json-schema.org/draft-07/schema#" ||
                          *said == "http://json-schema.org/draft-07/schema"))
    return {};
  return {Code::kInvalidArgument,
          std::string(name) +
              ".$schema must be \"http://json-schema.org/draft-07/schema#\", or be absent"};
}

}  // namespace

Result<std::shared_ptr<const JsonSchema>> JsonSchema::Compile(std::string_view text,
                                                              std::string_view name) {
  if (text.size() > limits::kSchemaBytes)
    return Status(Code::kInvalidArgument, std::string(name) + " must have at most " +
                                              std::to_string(limits::kSchemaBytes) + " bytes");
  TREADLE_ASSIGN_OR_RETURN(const SchemaJson schema, Parse(text, name));
  TREADLE_RETURN_IF_ERROR(CheckDialect(schema, name));
  TREADLE_RETURN_IF_ERROR(CheckAgainst(Draft7(), schema, limits::kSchemaBytes, name));
  TREADLE_ASSIGN_OR_RETURN(auto table, SchemaTable::Make(schema, name, &Draft7()));
  return std::shared_ptr<const JsonSchema>(new JsonSchema(std::move(table)));
}

JsonSchema::JsonSchema(std::unique_ptr<const SchemaTable> table) : table_(std::move(table)) {}
JsonSchema::~JsonSchema() = default;

Status JsonSchema::Check(std::string_view json, std::string_view name,
                         const CheckBudget* budget) const {
  TREADLE_ASSIGN_OR_RETURN(const SchemaJson value, Parse(json, name));
  return CheckAgainst(*table_, value, json.size(), name, budget);
}

}  // namespace treadle
