// The file of `treadle apply`: queues, task types and their policies, in TOML. Its fields are those
// of the tables of policies (model/policy_fields.h) without their unit: retry.backoff_base =
// "500ms".
//
// Pure, but for the reading of the file; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "json/tree.h"
#include "model/field.h"

namespace treadle::cli {

/// The field's JSON in `policy`, a reply of the server; empty if it is absent.
std::string FieldIn(const FieldInfo& field, const JsonNode& policy);
/// A value of the wire as the file has it: "30s", "64MiB", "1000"; "-" for none.
std::string FieldText(const FieldInfo& field, std::string_view json);

struct WantedField {
  const FieldInfo* field = nullptr;
  std::string json;  // as the wire has it
};

/// A queue or a task type, and what shall differ from the defaults.
struct WantedPolicy {
  bool is_type = false;
  std::string name;
  std::vector<WantedField> fields;
};

/// INVALID_ARGUMENT with file and line: not TOML, an unknown field (with the nearest one), a value
/// of another type.
Result<std::vector<WantedPolicy>> ReadPolicyFile(const std::string& path);

/// Fields as words of a command line: "lease=45s", "retry.max_attempts=3". Texts, durations and
/// sizes need no quotes. INVALID_ARGUMENT names the word.
Result<std::vector<WantedField>> ReadPolicyWords(const std::vector<std::string>& words,
                                                 bool of_type);

/// The body of a PUT that sets `fields`.
std::string PolicyChangeJson(const std::vector<WantedField>& fields);

}  // namespace treadle::cli
