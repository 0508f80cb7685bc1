#include "cli/json.h"

#include <fmt/format.h>

#include <charconv>

#include "base/json_text.h"

namespace treadle::cli {
namespace {

void AppendPretty(const JsonValue& value, int indent, std::string* out) {
  const bool object = value.kind == JsonValue::Kind::kObject;
  const size_t size = object ? value.members.size() : value.items.size();
  if (size == 0) {
    out->append(object ? "{}" : value.kind == JsonValue::Kind::kArray ? "[]" : value.raw);
    return;
  }
  out->push_back(object ? '{' : '[');
  for (size_t i = 0; i < size; ++i) {
    *out += fmt::format("{}\n{:{}}", i == 0 ? "" : ",", "", indent + 2);
    if (object) *out += QuoteJson(value.members[i].first) + ": ";
    AppendPretty(object ? value.members[i].second : value.items[i], indent + 2, out);
  }
  *out += fmt::format("\n{:{}}{}", "", indent, object ? '}' : ']');
}

}  // namespace

const JsonValue* JsonValue::Find(std::string_view name) const {
  for (const auto& [key, value] : members) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string JsonValue::Text(std::string_view name) const {
  const JsonValue* value = Find(name);
  return value == nullptr ? std::string() : value->text;
}

int64_t JsonValue::Integer(std::string_view name, int64_t fallback) const {
  const JsonValue* value = Find(name);
  if (value == nullptr || value->kind != Kind::kNumber) return fallback;
  int64_t number = fallback;
  std::from_chars(value->raw.data(), value->raw.data() + value->raw.size(), number);
  return number;
}

bool JsonValue::IsTrue(std::string_view name) const {
  const JsonValue* value = Find(name);
  return value != nullptr && value->raw == "true";
}

std::string PrettyJson(const JsonValue& value) {
  std::string out;
  AppendPretty(value, 0, &out);
  return out;
}

std::string QuoteJson(std::string_view text) {
  std::string out;
  AppendJsonString(text, &out);
  return out;
}

JsonObject& JsonObject::Raw(std::string_view name, std::string_view json) {
  members_ += fmt::format("{}{}:{}", members_.empty() ? "" : ",", QuoteJson(name), json);
  return *this;
}

JsonObject& JsonObject::Text(std::string_view name, std::string_view value) {
  return Raw(name, QuoteJson(value));
}

JsonObject& JsonObject::Integer(std::string_view name, int64_t value) {
  return Raw(name, fmt::to_string(value));
}

JsonObject& JsonObject::Real(std::string_view name, double value, int decimals) {
  return Raw(name, fmt::format("{:.{}f}", value, decimals));
}

JsonObject& JsonObject::Bool(std::string_view name, bool value) {
  return Raw(name, value ? "true" : "false");
}

}  // namespace treadle::cli
