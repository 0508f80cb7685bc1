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
//
// An integer takes a number whose value is whole, however it is written: 4.0 and 4e0 are 4. Other
// numbers, and those out of its range, do not fit it. (nlohmann/json would cast them. So a type
// with a from_json() of its own, and no to_json(), takes what that makes of them.)
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "treadle/status.h"

namespace treadle {

namespace detail {

std::string WriteJson(const nlohmann::json& value);

/// Whether an integer might not take some number of the document as it is.
bool HasNumberToCheck(const nlohmann::json& document);
/// The document with other numbers where casting them might be undefined; nothing if there are
/// none.
std::optional<nlohmann::json> Harmless(const nlohmann::json& document);
/// Rewrites the whole numbers that integers take, and refuses others. `taken`: what a T made of
/// Harmless(), as JSON again.
Status MakeWhole(nlohmann::json* document, const nlohmann::json& taken);
/// Refuses numbers that an integer did not take as they are. `taken`: what a T made of them.
Status CheckTaken(const nlohmann::json& document, const nlohmann::json& taken);

template <class T>
inline constexpr bool kCanBeChecked =
    !std::is_same_v<T, nlohmann::json> && std::is_constructible_v<nlohmann::json, const T&>;

/// What a T makes of a document in place of the real one; null if it refuses that.
template <class T>
nlohmann::json TakenOf(const nlohmann::json& stand_in) {
  try {
    return nlohmann::json(stand_in.template get<T>());
  } catch (...) {
    return nullptr;
  }
}

template <class T>
Result<T> FromNumbers(nlohmann::json document) {
  if (const std::optional<nlohmann::json> harmless = Harmless(document))
    TREADLE_RETURN_IF_ERROR(MakeWhole(&document, TakenOf<T>(*harmless)));
  T value = document.template get<T>();
  TREADLE_RETURN_IF_ERROR(CheckTaken(document, nlohmann::json(value)));
  return value;
}

}  // namespace detail

/// `value` as JSON text. What JSON cannot hold is written as it is: a number that is not finite as
/// NaN or Infinity, text that is not UTF-8 with its bytes. A client and a worker refuse such text
/// and name the place: "payload.width is not valid JSON …".
template <class T>
std::string ToJson(const T& value) {
  return detail::WriteJson(nlohmann::json(value));
}

/// INVALID_ARGUMENT says what in `text` does not fit T, for example "items[2].count must be a whole
/// number, not 4.5".
template <class T>
Result<T> FromJson(std::string_view text) {
  try {
    nlohmann::json document = nlohmann::json::parse(text);
    if constexpr (detail::kCanBeChecked<T>) {
      if (detail::HasNumberToCheck(document)) return detail::FromNumbers<T>(std::move(document));
    }
    return document.template get<T>();
  } catch (const nlohmann::json::exception& error) {
    return Status(Code::kInvalidArgument, error.what());
  }
}

}  // namespace treadle
