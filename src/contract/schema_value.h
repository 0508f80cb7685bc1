// Values of JSON as JSON Schema compares them: 1 and 1.0 are the same number, whatever their size.
// Pure. Inside contract/ only.
#pragma once

#include <algorithm>
#include <cmath>
#include <compare>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

namespace treadle {

using SchemaJson = nlohmann::json;

/// Holds every int64_t, uint64_t and double.
using SchemaNumber = long double;
static_assert(std::numeric_limits<SchemaNumber>::digits >= 64);

inline SchemaNumber NumberOf(const SchemaJson& value) {
  if (value.is_number_unsigned()) return static_cast<SchemaNumber>(value.get<uint64_t>());
  if (value.is_number_integer()) return static_cast<SchemaNumber>(value.get<int64_t>());
  return static_cast<SchemaNumber>(value.get<double>());
}

inline bool IsWhole(const SchemaJson& value) {
  if (!value.is_number_float()) return value.is_number();
  const auto number = value.get<double>();
  return std::isfinite(number) && number == std::floor(number);
}

/// A total order of values, by which equal ones are equal. (nlohmann's own compares numbers of
/// different kinds as doubles, which is none.)
inline std::weak_ordering Compare(const SchemaJson& a, const SchemaJson& b) {
  const auto kind = [](const SchemaJson& value) {
    return static_cast<int>(value.is_number() ? SchemaJson::value_t::number_float : value.type());
  };
  if (const auto kinds = kind(a) <=> kind(b); kinds != 0) return kinds;
  if (a.is_number()) {
    const SchemaNumber x = NumberOf(a);
    const SchemaNumber y = NumberOf(b);
    return x < y ? std::weak_ordering::less
                 : (x > y ? std::weak_ordering::greater : std::weak_ordering::equivalent);
  }
  if (a.is_string()) return a.get_ref<const std::string&>() <=> b.get_ref<const std::string&>();
  if (a.is_boolean()) return a.get<bool>() <=> b.get<bool>();
  if (const auto sizes = a.size() <=> b.size(); sizes != 0 || !a.is_structured()) return sizes;
  for (auto x = a.begin(), y = b.begin(); x != a.end(); ++x, ++y) {
    if (a.is_object())
      if (const auto keys = x.key() <=> y.key(); keys != 0) return keys;
    if (const auto values = Compare(*x, *y); values != 0) return values;
  }
  return std::weak_ordering::equivalent;
}

/// Whether `value` is one of `sorted`.
inline bool Holds(const std::vector<SchemaJson>& sorted, const SchemaJson& value) {
  return std::ranges::binary_search(sorted, value,
                                    [](const auto& a, const auto& b) { return Compare(a, b) < 0; });
}

/// A key as written in a path: ".price", or ["two words"].
std::string KeyText(std::string_view key);

/// A value as shown in an error, cut short.
std::string Shown(const SchemaJson& value);
inline std::string Shown(double number) { return Shown(SchemaJson(number)); }

}  // namespace treadle
