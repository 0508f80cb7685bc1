// From a struct to JSON and back, for payloads and results.
//
// The conversion is that of nlohmann/json (https://json.nlohmann.me/api/macros/): numbers, strings,
// bool, std::vector, std::map, std::optional-like types with a to_json of their own, and every
// struct that names its fields once, beside its definition:
//
//   struct Order { std::string sku; int count = 1; };
//   NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Order, sku, count)
//
// If fields may be missing, use NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT instead: a missing
// field then keeps its value from Order().
// Fields that the struct does not have are skipped. Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "treadle/status.h"

namespace treadle {

namespace detail {
std::string WriteJson(const nlohmann::json& value);
}

/// `value` as JSON text. What JSON cannot hold is written as it is: a number that is not finite as
/// NaN or Infinity, text that is not UTF-8 with its bytes. A client and a worker refuse such text
/// and name the place: "payload.width is not valid JSON …".
template <class T>
std::string ToJson(const T& value) {
  return detail::WriteJson(nlohmann::json(value));
}

/// INVALID_ARGUMENT says what in `text` does not fit T.
template <class T>
Result<T> FromJson(std::string_view text) {
  try {
    return nlohmann::json::parse(text).template get<T>();
  } catch (const nlohmann::json::exception& error) {
    return Status(Code::kInvalidArgument, error.what());
  }
}

}  // namespace treadle
