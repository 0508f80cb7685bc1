// SchemaTable: a schema taken apart. Each of its subschemas is read by valijson on its own and has
// a number; within it, those below it are stubs that carry their numbers, references followed. So
// valijson never resolves a reference, and never recurses. Inside contract/ only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <valijson/schema.hpp>
#include <vector>

#include "base/status.h"
#include "contract/schema_value.h"

namespace re2 {
class RE2;
}

namespace treadle {

struct SchemaNode {
  bool is_never = false;  // the schema `false`
  std::unique_ptr<const valijson::Schema> keywords;
  /// `const` and `enum`, sorted: the values that are allowed; nothing: all are.
  std::optional<std::vector<SchemaJson>> allowed;
};

class SchemaTable {
 public:
  /// `schema` fits `draft7`, the schema of schemas: what that cannot express is checked here. Null:
  /// it is the schema of schemas.
  static Result<std::unique_ptr<const SchemaTable>> Make(const SchemaJson& schema,
                                                         std::string_view name,
                                                         const SchemaTable* draft7);
  ~SchemaTable();

  const SchemaNode& node(size_t number) const { return nodes_[number]; }  // 0: the whole schema
  size_t size() const { return nodes_.size(); }
  /// Of this schema's own; null for another.
  const re2::RE2* Pattern(std::string_view text) const;

 private:
  friend class SchemaReader;
  SchemaTable();

  std::vector<SchemaNode> nodes_;
  std::map<std::string, std::unique_ptr<const re2::RE2>, std::less<>> patterns_;
};

/// The number that a stub carries; nothing: it is `true`, or is_never.
std::optional<size_t> NumberOfStub(const valijson::Subschema& stub);

}  // namespace treadle
