#include "contract/schema_value.h"

#include <algorithm>

#include "base/utf8.h"

namespace treadle {
namespace {

constexpr size_t kShownBytes = 100;

}  // namespace

std::string Shown(const SchemaJson& value) {
  std::string text = value.dump(-1, ' ', false, SchemaJson::error_handler_t::replace);
  if (text.size() <= kShownBytes) return text;
  return std::string(Utf8Head(text, kShownBytes)) + "…";
}

std::string KeyText(std::string_view key) {
  const bool is_plain =
      !key.empty() && key.size() <= kShownBytes && std::ranges::all_of(key, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-' || c == '$';
      });
  return is_plain ? "." + std::string(key) : "[" + Shown(SchemaJson(key)) + "]";
}

}  // namespace treadle
