// The file of `treadle apply`: queues and their policies, in TOML. Its fields are those of the API
// (docs/openapi.yaml, PolicyChange) without their unit: retry.backoff_base = "500ms".
//
// Pure, but for the reading of the file; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "cli/json.h"

namespace treadle::cli {

struct PolicyField {
  enum class Unit { kMs, kBytes, kCount };

  std::string_view name;     // "retry.backoff_base"
  std::string_view section;  // of the wire: "retry"; empty: the policy itself
  std::string_view wire;     // "backoff_base_ms"
  Unit unit = Unit::kMs;

  /// What `policy`, an answer of the server, says; -1 if it says nothing.
  int64_t In(const JsonValue& policy) const;
  /// "30s", "64MiB", "1000": as the file has it.
  std::string Text(int64_t value) const;
};

struct WantedField {
  const PolicyField* field = nullptr;
  int64_t value = 0;
};

struct WantedQueue {
  std::string name;
  std::vector<WantedField> fields;
};

/// INVALID_ARGUMENT with file and line: not TOML, an unknown field (with the nearest one), a value
/// of another type.
Result<std::vector<WantedQueue>> ReadQueueFile(const std::string& path);

/// The body of a PUT that sets `fields`.
std::string PolicyChangeJson(const std::vector<WantedField>& fields);

}  // namespace treadle::cli
