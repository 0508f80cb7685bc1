#include "store/sqlite/expected_schema.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "store/sqlite/schema.h"

namespace treadle {
namespace {

/// By kind ("table") and name; what it was made with.
using Definitions = std::map<std::pair<std::string, std::string>, std::string>;

Result<Definitions> ReadDefinitions(Connection* db) {
  Statement statement(db, "SELECT type, name, sql FROM sqlite_schema");
  Definitions definitions;
  Rows rows = statement.Query();
  while (rows.Next()) definitions[{rows.String(0), rows.String(1)}] = rows.String(2);
  TREADLE_RETURN_IF_ERROR(rows.status());
  return definitions;
}

Result<Definitions> MakeExpected() {
  TREADLE_ASSIGN_OR_RETURN(const auto db, Connection::Open(":memory:", ""));
  TREADLE_RETURN_IF_ERROR(CreateSchema(db.get()));
  return ReadDefinitions(db.get());
}

const Result<Definitions>& Expected() {
  static const Result<Definitions> expected = MakeExpected();
  return expected;
}

// Their text is that of the FTS5 which made them.
bool IsShadowTable(const std::string& name) { return name.starts_with("found_"); }

bool MayDiffer(const std::pair<std::string, std::string>& object) {
  return object.first == "view" || IsShadowTable(object.second);
}

bool IsStatistics(const std::pair<std::string, std::string>& object) {
  return object.first == "table" && object.second.starts_with("sqlite_stat");
}

Status NotOurs(const Connection& db, const std::pair<std::string, std::string>& object) {
  const auto& [kind, name] = object;
  return {Code::kFailedPrecondition,
          db.path() + ": defines the " + kind + " \"" + name +
              "\", which Treadle did not create, so someone has changed this file. Use another "
              "backup, or remove it with the sqlite3 shell: DROP " +
              kind + " \"" + name + "\""};
}

Status Wrong(const Connection& db, const std::pair<std::string, std::string>& object,
             const std::string& how) {
  return {Code::kFailedPrecondition, db.path() + ": its " + object.first + " \"" + object.second +
                                         "\" " + how +
                                         "; someone has changed this file. Use a backup"};
}

}  // namespace

Status CheckSchema(Connection* db) {
  if (!Expected().ok()) return Expected().status();
  const Definitions& expected = *Expected();
  TREADLE_ASSIGN_OR_RETURN(const Definitions found, ReadDefinitions(db));
  for (const auto& [object, sql] : found) {
    const auto ours = expected.find(object);
    if (ours == expected.end() && !IsStatistics(object)) return NotOurs(*db, object);
    if (ours != expected.end() && ours->second != sql && !MayDiffer(object))
      return Wrong(*db, object, "is not the one that Treadle creates");
  }
  for (const auto& [object, sql] : expected)
    if (!found.contains(object) && object.first != "view") return Wrong(*db, object, "is missing");
  return {};
}

Status CheckHasNoForeignCode(Connection* db) {
  TREADLE_ASSIGN_OR_RETURN(const Definitions found, ReadDefinitions(db));
  for (const auto& [object, sql] : found) {
    const bool is_our_view =
        object.first == "view" && (object.second == "tasks" || object.second == "queues");
    if (object.first == "trigger" || (object.first == "view" && !is_our_view))
      return NotOurs(*db, object);
  }
  return {};
}

}  // namespace treadle
