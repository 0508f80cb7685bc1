#include <cmath>
#include <string>

#include "base/utf8.h"
#include "treadle/json.h"

namespace treadle::detail {
namespace {

using nlohmann::json;

bool HasJsonForm(const json& value) {
  if (value.is_structured()) {
    for (const auto& [name, part] : value.items()) {
      if ((value.is_object() && !IsUtf8(name)) || !HasJsonForm(part)) return false;
    }
    return true;
  }
  if (value.is_string()) return IsUtf8(value.get_ref<const std::string&>());
  return !value.is_number_float() || std::isfinite(value.get<double>());
}

std::string Scalar(const json& value) {
  if (!value.is_number_float() || std::isfinite(value.get<double>()))
    return value.dump(-1, ' ', false, json::error_handler_t::ignore);
  const double number = value.get<double>();
  return std::isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
}

std::string Text(const std::string& text) {
  return IsUtf8(text) ? json(text).dump() : '"' + text + '"';
}

void WriteAsItIs(const json& value, std::string* out) {
  if (value.is_string()) {
    *out += Text(value.get_ref<const std::string&>());
  } else if (!value.is_structured()) {
    *out += Scalar(value);
  } else {
    const bool is_object = value.is_object();
    *out += is_object ? '{' : '[';
    for (const auto& [name, part] : value.items()) {
      if (is_object) *out += Text(name) + ':';
      WriteAsItIs(part, out);
      *out += ',';
    }
    if (!value.empty()) out->pop_back();
    *out += is_object ? '}' : ']';
  }
}

}  // namespace

std::string WriteJson(const json& value) {
  if (HasJsonForm(value)) return value.dump();
  std::string text;
  WriteAsItIs(value, &text);
  return text;
}

}  // namespace treadle::detail
