#include "cli/queue_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cli/arguments.h"
#include "cli/config/toml_node.h"
#include "cli/units.h"

namespace treadle::cli {
namespace {

using Unit = PolicyField::Unit;

constexpr PolicyField kFields[] = {
    {"retry.backoff_base", "retry", "backoff_base_ms"},
    {"retry.backoff_cap", "retry", "backoff_cap_ms"},
    {"retention.completed_tasks", "retention", "completed_tasks", Unit::kCount},
    {"retention.completed", "retention", "completed_ms"},
    {"retention.completed_bytes", "retention", "completed_bytes", Unit::kBytes},
    {"retention.dead", "retention", "dead_ms"},
    {"lease", "", "lease_ms"},
    {"idempotency_window", "", "idempotency_window_ms"},
    {"cancel_grace", "", "cancel_grace_ms"},
};

/// One file while it is read.
class QueueFileReader {
 public:
  explicit QueueFileReader(std::string path) : path_(std::move(path)) {}

  Result<std::vector<WantedQueue>> Read() const {
    TREADLE_ASSIGN_OR_RETURN(const TomlNode root, ReadTomlFile(path_));
    std::vector<WantedQueue> queues;
    for (const auto& [key, node] : root.members) {
      if (key != "queues") return Wrong(node, key, "is unknown; write [queues.NAME]");
      TREADLE_RETURN_IF_ERROR(CheckTable(node, key));
      for (const auto& [name, policy] : node.members) {
        TREADLE_RETURN_IF_ERROR(CheckTable(policy, "queues." + name));
        queues.push_back({.name = name});
        TREADLE_RETURN_IF_ERROR(ReadFields(policy, "", &queues.back().fields));
      }
    }
    return queues;
  }

 private:
  Status Wrong(const TomlNode& node, std::string_view name, std::string_view what) const {
    return {Code::kInvalidArgument, fmt::format("{}:{}: {} {}", path_, node.line, name, what)};
  }

  Status CheckTable(const TomlNode& node, const std::string& name) const {
    return node.kind == TomlNode::Kind::kTable ? Status() : Wrong(node, name, "is not a table");
  }

  // `before` is "" or, within a section, "retry.".
  Status ReadFields(const TomlNode& table, const std::string& before,
                    std::vector<WantedField>* fields) const {
    for (const auto& [key, node] : table.members) {
      const std::string name = before + key;
      if (before.empty() && (key == "retry" || key == "retention")) {
        TREADLE_RETURN_IF_ERROR(CheckTable(node, name));
        TREADLE_RETURN_IF_ERROR(ReadFields(node, key + '.', fields));
        continue;
      }
      const auto field = std::ranges::find(kFields, name, &PolicyField::name);
      if (field == std::end(kFields)) return Unknown(node, name);
      TREADLE_ASSIGN_OR_RETURN(const int64_t value, ReadValue(*field, node));
      fields->push_back({field, value});
    }
    return {};
  }

  Status Unknown(const TomlNode& node, const std::string& name) const {
    std::vector<std::string> known;
    for (const PolicyField& each : kFields) known.emplace_back(each.name);
    const std::string nearest = Nearest(name, known);
    return Wrong(node, name,
                 nearest.empty() ? fmt::format("is unknown; there are {}", fmt::join(known, ", "))
                                 : fmt::format("is unknown; did you mean \"{}\"?", nearest));
  }

  Result<int64_t> ReadValue(const PolicyField& field, const TomlNode& node) const {
    const bool text = node.kind == TomlNode::Kind::kText;
    if (field.unit == Unit::kMs) {
      const std::optional<int64_t> ms = text ? ParseDuration(node.text) : std::nullopt;
      if (!ms) return Wrong(node, field.name, "is not a duration; write for example \"30s\"");
      return *ms;
    }
    if (field.unit == Unit::kBytes && text) {
      const std::optional<uint64_t> bytes = ParseSize(node.text);
      if (!bytes || *bytes > uint64_t{INT64_MAX}) {
        return Wrong(node, field.name, "is not a size; write for example \"64MiB\"");
      }
      return static_cast<int64_t>(*bytes);
    }
    int64_t number = -1;
    std::from_chars(node.text.data(), node.text.data() + node.text.size(), number);
    if (node.kind != TomlNode::Kind::kInteger || number < 0) {
      return Wrong(node, field.name, "is not a whole number from 0");
    }
    return number;
  }

  const std::string path_;
};

}  // namespace

int64_t PolicyField::In(const JsonValue& policy) const {
  const JsonValue* const holder = section.empty() ? &policy : policy.Find(section);
  return holder == nullptr ? -1 : holder->Integer(wire, -1);
}

std::string PolicyField::Text(int64_t value) const {
  if (value < 0) return "-";
  if (unit == Unit::kMs) return ExactDuration(static_cast<uint64_t>(value));
  if (unit == Unit::kBytes) return ExactSize(static_cast<uint64_t>(value));
  return std::to_string(value);
}

Result<std::vector<WantedQueue>> ReadQueueFile(const std::string& path) {
  return QueueFileReader(path).Read();
}

std::string PolicyChangeJson(const std::vector<WantedField>& fields) {
  JsonObject policy;
  for (const std::string_view section : {"retry", "retention"}) {
    JsonObject object;
    for (const auto& [field, value] : fields) {
      if (field->section == section) object.Integer(field->wire, value);
    }
    if (object.Done() != "{}") policy.Raw(section, object.Done());
  }
  for (const auto& [field, value] : fields) {
    if (field->section.empty()) policy.Integer(field->wire, value);
  }
  return policy.Done();
}

}  // namespace treadle::cli
