#include "cli/policy_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/nearest.h"
#include "base/units.h"
#include "cli/arguments.h"
#include "config/toml_node.h"
#include "model/policy_fields.h"

namespace treadle::cli {
namespace {

bool IsSection(std::string_view key, bool of_type) {
  return !key.empty() &&
         std::ranges::any_of(SettableFields(of_type),
                             [&](const FieldInfo* const field) { return field->section() == key; });
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
      if (before.empty() && IsSection(key, policy->is_type)) {
        TREADLE_RETURN_IF_ERROR(CheckTable(node, name));
        TREADLE_RETURN_IF_ERROR(ReadFields(node, key + '.', policy));
        continue;
      }
      const std::vector<const FieldInfo*> fields = SettableFields(policy->is_type);
      const auto field = std::ranges::find(fields, name, &FieldInfo::word);
      if (field == fields.end()) return Unknown(node, name, policy->is_type);
      TREADLE_ASSIGN_OR_RETURN(std::string json, ReadValue(**field, node));
      policy->fields.push_back({*field, std::move(json)});
    }
    return {};
  }

  Status Unknown(const config::TomlNode& node, const std::string& name, bool of_types) const {
    std::vector<std::string> known;
    for (const FieldInfo* const each : SettableFields(of_types)) known.emplace_back(each->word());
    const std::string nearest = Nearest(name, known);
    return Wrong(
        node, name,
        nearest.empty()
            ? fmt::format("is not a known field; known fields are {}", fmt::join(known, ", "))
            : fmt::format("is not a known field; did you mean \"{}\"?", nearest));
  }

  Result<std::string> ReadValue(const FieldInfo& field, const config::TomlNode& node) const {
    switch (field.kind) {
      case FieldKind::kDuration:
        return ReadMs(field, node);
      case FieldKind::kBytes:
        return node.kind == config::TomlNode::Kind::kText ? ReadSize(field, node)
                                                          : ReadCount(field, node);
      case FieldKind::kCount:
        return ReadCount(field, node);
      case FieldKind::kSwitch:
        if (node.kind == config::TomlNode::Kind::kBoolean) return node.text;
        return Wrong(node, field.word(), "must be true or false");
      case FieldKind::kChoice:  // the server knows the words
        return ReadText(field, node);
      case FieldKind::kDurations:
        return ReadList(field, node, &PolicyFileReader::ReadMs);
      case FieldKind::kCodes:
        return ReadList(field, node, &PolicyFileReader::ReadText);
    }
    return Wrong(node, field.word(), "cannot be read");
  }

  Result<std::string> ReadMs(const FieldInfo& field, const config::TomlNode& node) const {
    const std::optional<int64_t> ms =
        node.kind == config::TomlNode::Kind::kText ? ParseDuration(node.text) : std::nullopt;
    const bool has_no_unit = !node.text.empty() && node.kind != config::TomlNode::Kind::kArray &&
                             node.text.find_first_not_of("0123456789") == std::string::npos;
    if (has_no_unit)
      return Wrong(node, field.word(),
                   fmt::format("has no unit; did you mean \"{}s\"?", node.text));
    if (!ms) return Wrong(node, field.word(), "is not a duration; write for example \"30s\"");
    return std::to_string(*ms);
  }

  Result<std::string> ReadSize(const FieldInfo& field, const config::TomlNode& node) const {
    const std::optional<uint64_t> bytes = ParseSize(node.text);
    if (!bytes || *bytes > uint64_t{INT64_MAX})
      return Wrong(node, field.word(), "is not a size with its unit; write for example \"64MiB\"");
    return std::to_string(*bytes);
  }

  Result<std::string> ReadCount(const FieldInfo& field, const config::TomlNode& node) const {
    int64_t number = -1;
    std::from_chars(node.text.data(), node.text.data() + node.text.size(), number);
    if (node.kind != config::TomlNode::Kind::kInteger || number < 0)
      return Wrong(node, field.word(), "must be a whole number, 0 or more");
    return std::to_string(number);
  }

  Result<std::string> ReadText(const FieldInfo& field, const config::TomlNode& node) const {
    if (node.kind == config::TomlNode::Kind::kText) return QuoteJson(node.text);
    return Wrong(node, field.word(), "is not a string; write it in quotes");
  }

  using ReadOne = Result<std::string> (PolicyFileReader::*)(const FieldInfo&,
                                                            const config::TomlNode&) const;
  Result<std::string> ReadList(const FieldInfo& field, const config::TomlNode& node,
                               ReadOne read) const {
    if (node.kind != config::TomlNode::Kind::kArray)
      return Wrong(node, field.word(), "is not a list");
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

std::string FieldIn(const FieldInfo& field, const JsonNode& policy) {
  const JsonNode* const holder = field.section().empty() ? &policy : policy.Find(field.section());
  const JsonNode* const value = holder == nullptr ? nullptr : holder->Find(field.name());
  return value == nullptr ? "" : std::string(value->raw);
}

std::string FieldText(const FieldInfo& field, std::string_view json) {
  if (json.empty()) return "-";
  if (field.kind == FieldKind::kDuration) return MsText(json);
  if (field.kind == FieldKind::kBytes) {
    uint64_t bytes = 0;
    std::from_chars(json.data(), json.data() + json.size(), bytes);
    return ExactSize(bytes);
  }
  const Result<JsonDocument> value = ReadJson(std::string(json));
  if (!value.ok()) return std::string(json);
  if (field.kind == FieldKind::kChoice) return value->root.text;
  const bool is_durations = field.kind == FieldKind::kDurations;
  if (!is_durations && field.kind != FieldKind::kCodes) return std::string(json);
  std::vector<std::string> items;
  for (const JsonNode& item : value->root.items)
    items.push_back(is_durations ? MsText(item.raw) : item.text);
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
  std::vector<std::string_view> sections;
  for (const auto& [field, json] : fields)
    if (std::ranges::find(sections, field->section()) == sections.end())
      sections.push_back(field->section());
  JsonObject policy;
  for (const std::string_view section : sections) {
    JsonObject object;
    for (const auto& [field, json] : fields)
      if (field->section() == section) (section.empty() ? policy : object).Raw(field->name(), json);
    if (!section.empty()) policy.Raw(section, object.Done());
  }
  return policy.Done();
}

}  // namespace treadle::cli
