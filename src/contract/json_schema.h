// JsonSchema: a JSON Schema (draft 7), ready to check values with.
//
// valijson reads the keywords; the walk over a value is our own, by valijson's visitor, because
// what it checks comes from outside (docs/architecture.md, "Contracts"): regular expressions are
// RE2's, which take time linear in the text; the work for one value is bounded by its size, and the
// time of all values of a request by a budget; the first fault is reported with its path, in plain
// words. `format` and `content…` are notes, as draft 7
// has it.
//
// Immutable: any thread, also several at once. Nothing throws.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "contract/check_budget.h"

namespace treadle {

class SchemaTable;  // schema_table.h

class JsonSchema {
 public:
  /// `name` is the schema's name in errors. INVALID_ARGUMENT, with the path: `text` is no schema
  /// of draft 7 ("input_schema.properties.price.type must be …"), refers to something outside of
  /// itself, or goes beyond a bound of model/limits.h.
  static Result<std::shared_ptr<const JsonSchema>> Compile(std::string_view text,
                                                           std::string_view name);
  ~JsonSchema();
  JsonSchema(const JsonSchema&) = delete;
  JsonSchema& operator=(const JsonSchema&) = delete;

  /// OK, or INVALID_ARGUMENT with the path of the first fault below `name`:
  /// "payload.items[3].price must be a number". `json` must be valid JSON; what this program cannot
  /// hold (a number beyond a double, half a surrogate pair) is a fault too, as is one that takes
  /// more work than its size allows, or more time than is left of `budget` (null: time is no
  /// matter).
  Status Check(std::string_view json, std::string_view name,
               const CheckBudget* budget = nullptr) const;

 private:
  explicit JsonSchema(std::unique_ptr<const SchemaTable> table);
  const std::unique_ptr<const SchemaTable> table_;
};

}  // namespace treadle
