#include "json/tree.h"

#include <charconv>

#include "json/text.h"

namespace treadle {
namespace {

void AppendPretty(const JsonNode& value, size_t indent, std::string* out) {
  const bool object = value.kind == JsonNode::Kind::kObject;
  const size_t size = object ? value.members.size() : value.items.size();
  if (size == 0) {
    out->append(object ? "{}" : value.kind == JsonNode::Kind::kArray ? "[]" : value.raw);
    return;
  }
  out->push_back(object ? '{' : '[');
  for (size_t i = 0; i < size; ++i) {
    out->append(i == 0 ? "\n" : ",\n").append(indent + 2, ' ');
    if (object) *out += QuoteJson(value.members[i].first) + ": ";
    AppendPretty(object ? value.members[i].second : value.items[i], indent + 2, out);
  }
  out->append("\n").append(indent, ' ').append(1, object ? '}' : ']');
}

}  // namespace

const JsonNode* JsonNode::Find(std::string_view name) const {
  for (const auto& [key, value] : members) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string JsonNode::Text(std::string_view name) const {
  const JsonNode* value = Find(name);
  return value == nullptr ? std::string() : value->text;
}

int64_t JsonNode::Integer(std::string_view name, int64_t fallback) const {
  const JsonNode* value = Find(name);
  if (value == nullptr || value->kind != Kind::kNumber) return fallback;
  int64_t number = fallback;
  std::from_chars(value->raw.data(), value->raw.data() + value->raw.size(), number);
  return number;
}

bool JsonNode::IsTrue(std::string_view name) const {
  const JsonNode* value = Find(name);
  return value != nullptr && value->raw == "true";
}

std::string PrettyJson(const JsonNode& value) {
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
  members_.append(members_.empty() ? "" : ",").append(QuoteJson(name)).append(":").append(json);
  return *this;
}

JsonObject& JsonObject::Text(std::string_view name, std::string_view value) {
  return Raw(name, QuoteJson(value));
}

JsonObject& JsonObject::Integer(std::string_view name, int64_t value) {
  return Raw(name, std::to_string(value));
}

JsonObject& JsonObject::Real(std::string_view name, double value, int decimals) {
  char text[64];
  const auto end =
      std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, decimals);
  return Raw(name, {text, end.ptr});
}

JsonObject& JsonObject::Bool(std::string_view name, bool value) {
  return Raw(name, value ? "true" : "false");
}

}  // namespace treadle
