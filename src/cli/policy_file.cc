#include "cli/policy_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/nearest.h"
#include "base/units.h"
#include "cli/arguments.h"
#include "config/toml_node.h"

namespace treadle::cli {
namespace {

using Unit = PolicyField::Unit;

constexpr std::string_view kSections[] = {"retry", "retention", "capacity"};

constexpr PolicyField kFields[] = {
    {"retry.preset", "retry", "preset", Unit::kText, true},
    {"retry.backoff", "retry", "backoff", Unit::kText, true},
    {"retry.jitter", "retry", "jitter", Unit::kText, true},
    {"retry.backoff_base", "retry", "backoff_base_ms", Unit::kMs, true},
    {"retry.backoff_cap", "retry", "backoff_cap_ms", Unit::kMs, true},
    {"retry.delays", "retry", "delays_ms", Unit::kMsList, true},
    {"retry.max_attempts", "retry", "max_attempts", Unit::kCount, true},
    {"retry.total", "retry", "total_ms", Unit::kMs, true},
    {"retry.never", "retry", "never", Unit::kTextList, true},
    {"retry.always", "retry", "always", Unit::kTextList, true},
    {"attempt_timeout", "", "attempt_timeout_ms", Unit::kMs, true},
    {"retention.completed_tasks", "retention", "completed_tasks", Unit::kCount},
    {"retention.completed", "retention", "completed_ms"},
    {"retention.completed_bytes", "retention", "completed_bytes", Unit::kBytes},
    {"retention.dead", "retention", "dead_ms"},
    {"lease", "", "lease_ms"},
    {"idempotency_window", "", "idempotency_window_ms"},
    {"cancel_grace", "", "cancel_grace_ms"},
    {"max_worker_losses", "", "max_worker_losses", Unit::kCount},
    {"capacity.tasks", "capacity", "tasks", Unit::kCount},
    {"capacity.bytes", "capacity", "bytes", Unit::kBytes},
    {"capacity.when_full", "capacity", "when_full", Unit::kText},
    {"draining", "", "draining", Unit::kFlag},
    {"paused", "", "paused", Unit::kFlag},
    {"search_payloads", "", "search_payloads", Unit::kFlag},
};

bool IsSection(std::string_view key) {
  return std::ranges::find(kSections, key) != std::end(kSections);
}

/// One file while it is read.
class PolicyFileReader {
 public:
  explicit PolicyFileReader(std::string path) : path_(std::move(path)) {}

  Result<std::vector<WantedPolicy>> Read() const {
    TREADLE_ASSIGN_OR_RETURN(const config::TomlNode root, config::ReadTomlFile(path_));
    std::vector<WantedPolicy> policies;
    for (const auto& [key, node] : root.members) {
      if (key != "queues" && key != "types")
        return Wrong(node, key, "is not a known section; write [queues.NAME] or [types.NAME]");
      TREADLE_RETURN_IF_ERROR(CheckTable(node, key));
      for (const auto& [name, policy] : node.members) {
        TREADLE_RETURN_IF_ERROR(CheckTable(policy, key + '.' + name));
        policies.push_back({.is_type = key == "types", .name = name, .fields = {}});
        TREADLE_RETURN_IF_ERROR(ReadFields(policy, "", &policies.back()));
      }
    }
    return policies;
  }

  // `path` is the word.
  Result<std::vector<WantedField>> ReadWord(bool of_type) const {
    const size_t equals = path_.find('=');
    const std::string name = path_.substr(0, equals);
    constexpr std::string_view kOfNames = "abcdefghijklmnopqrstuvwxyz_.";
    if (equals == std::string::npos || name.empty() ||
        name.find_first_not_of(kOfNames) != std::string::npos)
      return Status(Code::kInvalidArgument,
                    fmt::format("\"{}\" is not FIELD=VALUE; write for example lease=45s", path_));
    const std::string value = path_.substr(equals + 1);
    Result<config::TomlNode> table = config::ReadToml(name + " = " + value, path_);
    if (!table.ok()) table = config::ReadToml(name + " = " + config::QuoteToml(value), path_);
    if (!table.ok()) return table.status();
    WantedPolicy policy{.is_type = of_type, .name = "", .fields = {}};
    TREADLE_RETURN_IF_ERROR(ReadFields(*table, "", &policy));
    return std::move(policy.fields);
  }

 private:
  Status Wrong(const config::TomlNode& node, std::string_view name, std::string_view what) const {
    return {Code::kInvalidArgument, fmt::format("{}:{}: {} {}", path_, node.line, name, what)};
  }

  Status CheckTable(const config::TomlNode& node, const std::string& name) const {
    return node.kind == config::TomlNode::Kind::kTable ? Status()
                                                       : Wrong(node, name, "is not a table");
  }

  // `before` is "" or, within a section, "retry.".
  Status ReadFields(const config::TomlNode& table, const std::string& before,
                    WantedPolicy* policy) const {
    for (const auto& [key, node] : table.members) {
      const std::string name = before + key;
      if (before.empty() && IsSection(key)) {
        TREADLE_RETURN_IF_ERROR(CheckTable(node, name));
        TREADLE_RETURN_IF_ERROR(ReadFields(node, key + '.', policy));
        continue;
      }
      const auto field = std::ranges::find(kFields, name, &PolicyField::name);
      if (field == std::end(kFields) || (policy->is_type && !field->of_types))
        return Unknown(node, name, policy->is_type);
      TREADLE_ASSIGN_OR_RETURN(std::string json, ReadValue(*field, node));
      policy->fields.push_back({field, std::move(json)});
    }
    return {};
  }

  Status Unknown(const config::TomlNode& node, const std::string& name, bool of_types) const {
    std::vector<std::string> known;
    for (const PolicyField& each : kFields)
      if (each.of_types || !of_types) known.emplace_back(each.name);
    const std::string nearest = Nearest(name, known);
    return Wrong(
        node, name,
        nearest.empty()
            ? fmt::format("is not a known field; known fields are {}", fmt::join(known, ", "))
            : fmt::format("is not a known field; did you mean \"{}\"?", nearest));
  }

  Result<std::string> ReadValue(const PolicyField& field, const config::TomlNode& node) const {
    switch (field.unit) {
      case Unit::kMs:
        return ReadMs(field, node);
      case Unit::kBytes:
        return node.kind == config::TomlNode::Kind::kText ? ReadSize(field, node)
                                                          : ReadCount(field, node);
      case Unit::kCount:
        return ReadCount(field, node);
      case Unit::kFlag:
        if (node.kind == config::TomlNode::Kind::kBoolean) return node.text;
        return Wrong(node, field.name, "must be true or false");
      case Unit::kText:
        return ReadText(field, node);
      case Unit::kMsList:
        return ReadList(field, node, &PolicyFileReader::ReadMs);
      case Unit::kTextList:
        return ReadList(field, node, &PolicyFileReader::ReadText);
    }
    return Wrong(node, field.name, "cannot be read");
  }

  Result<std::string> ReadMs(const PolicyField& field, const config::TomlNode& node) const {
    const std::optional<int64_t> ms =
        node.kind == config::TomlNode::Kind::kText ? ParseDuration(node.text) : std::nullopt;
    const bool has_no_unit = !node.text.empty() && node.kind != config::TomlNode::Kind::kArray &&
                             node.text.find_first_not_of("0123456789") == std::string::npos;
    if (has_no_unit)
      return Wrong(node, field.name, fmt::format("has no unit; did you mean \"{}s\"?", node.text));
    if (!ms) return Wrong(node, field.name, "is not a duration; write for example \"30s\"");
    return std::to_string(*ms);
  }

  Result<std::string> ReadSize(const PolicyField& field, const config::TomlNode& node) const {
    const std::optional<uint64_t> bytes = ParseSize(node.text);
    if (!bytes || *bytes > uint64_t{INT64_MAX})
      return Wrong(node, field.name, "is not a size with its unit; write for example \"64MiB\"");
    return std::to_string(*bytes);
  }

  Result<std::string> ReadCount(const PolicyField& field, const config::TomlNode& node) const {
    int64_t number = -1;
    std::from_chars(node.text.data(), node.text.data() + node.text.size(), number);
    if (node.kind != config::TomlNode::Kind::kInteger || number < 0)
      return Wrong(node, field.name, "must be a whole number, 0 or more");
    return std::to_string(number);
  }

  Result<std::string> ReadText(const PolicyField& field, const config::TomlNode& node) const {
    if (node.kind == config::TomlNode::Kind::kText) return QuoteJson(node.text);
    return Wrong(node, field.name, "is not a string; write it in quotes");
  }

  using ReadOne = Result<std::string> (PolicyFileReader::*)(const PolicyField&,
                                                            const config::TomlNode&) const;
  Result<std::string> ReadList(const PolicyField& field, const config::TomlNode& node,
                               ReadOne read) const {
    if (node.kind != config::TomlNode::Kind::kArray)
      return Wrong(node, field.name, "is not a list");
    std::vector<std::string> items;
    for (const config::TomlNode& item : node.items) {
      TREADLE_ASSIGN_OR_RETURN(std::string json, (this->*read)(field, item));
      items.push_back(std::move(json));
    }
    return fmt::format("[{}]", fmt::join(items, ","));
  }

  const std::string path_;
};

std::string MsText(std::string_view digits) {
  uint64_t ms = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), ms);
  return ExactDuration(ms);
}

}  // namespace

std::string PolicyField::In(const JsonNode& policy) const {
  const JsonNode* const holder = section.empty() ? &policy : policy.Find(section);
  const JsonNode* const value = holder == nullptr ? nullptr : holder->Find(wire);
  return value == nullptr ? "" : std::string(value->raw);
}

std::string PolicyField::Text(std::string_view json) const {
  if (json.empty()) return "-";
  if (unit == Unit::kMs) return MsText(json);
  if (unit == Unit::kBytes) {
    uint64_t bytes = 0;
    std::from_chars(json.data(), json.data() + json.size(), bytes);
    return ExactSize(bytes);
  }
  const Result<JsonDocument> value = ReadJson(std::string(json));
  if (!value.ok()) return std::string(json);
  if (unit == Unit::kText) return value->root.text;
  if (unit != Unit::kMsList && unit != Unit::kTextList) return std::string(json);
  std::vector<std::string> items;
  for (const JsonNode& item : value->root.items)
    items.push_back(unit == Unit::kMsList ? MsText(item.raw) : item.text);
  return fmt::format("[{}]", fmt::join(items, ", "));
}

Result<std::vector<WantedPolicy>> ReadPolicyFile(const std::string& path) {
  return PolicyFileReader(path).Read();
}

Result<std::vector<WantedField>> ReadPolicyWords(const std::vector<std::string>& words,
                                                 bool of_type) {
  std::vector<WantedField> fields;
  for (const std::string& word : words) {
    TREADLE_ASSIGN_OR_RETURN(std::vector<WantedField> read,
                             PolicyFileReader(word).ReadWord(of_type));
    fields.insert(fields.end(), read.begin(), read.end());
  }
  return fields;
}

std::string PolicyChangeJson(const std::vector<WantedField>& fields) {
  JsonObject policy;
  for (const std::string_view section : kSections) {
    JsonObject object;
    for (const auto& [field, json] : fields)
      if (field->section == section) object.Raw(field->wire, json);
    if (object.Done() != "{}") policy.Raw(section, object.Done());
  }
  for (const auto& [field, json] : fields)
    if (field->section.empty()) policy.Raw(field->wire, json);
  return policy.Done();
}

}  // namespace treadle::cli
