// How FromJson() finds numbers that a T did not take as they are.
//
// nlohmann/json casts: an int takes 4 of 4.5, and something else of 3e9. It does not say where it
// did. So the T is written back to JSON: a whole number there, where the document has another one,
// was cast. Unlike a from_json that changes a number on purpose, a cast keeps the lowest bits.
//
// Casting a large or a negative fraction to an integer is undefined. So a T is first made of
// harmless fractions in their place. Where it took whole numbers of those, they must be whole.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>

#include "treadle/json.h"

namespace treadle::detail {
namespace {

using nlohmann::json;

constexpr double kExactMax = 9007199254740992.0;  // up to this a double is the number as written
constexpr double kHarmlessEnd = 128.0;            // every integer type holds what is below

bool IsWhole(double number) {
  return number == std::trunc(number) && std::abs(number) <= kExactMax;
}

std::string Within(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + '.' + name;
}

std::string Shown(const std::string& path) { return path.empty() ? "the value" : path; }

std::string At(const std::string& path, size_t index) {
  return Shown(path) + '[' + std::to_string(index) + ']';
}

Status NotWhole(const std::string& path, const json& number) {
  return {Code::kInvalidArgument, Shown(path) + " must be a whole number, not " + number.dump()};
}

/// What `taken` has in place of an element of `document`; null: nothing. Sets drop what is double.
const json* ElementOf(const json& taken, size_t index) {
  if (!taken.is_array() || taken.empty()) return nullptr;
  return &taken[std::min(index, taken.size() - 1)];
}

const json* MemberOf(const json& taken, const std::string& name) {
  if (!taken.is_object()) return nullptr;
  const auto found = taken.find(name);
  return found == taken.end() ? nullptr : &*found;
}

/// Calls `visit(number, taken, path, array)` for each number of `document` in whose place `taken`
/// has a whole number, until one fails. `array`: the outermost array of `taken` that it is in; or
/// null.
template <class Document, class Visit>
Status ForEachInteger(Document& document, const json& taken, const std::string& path,
                      const json* array, const Visit& visit) {
  if (document.is_number())
    return taken.is_number_integer() ? visit(document, taken, path, array) : Status();
  if (document.is_array()) {
    if (array == nullptr) array = &taken;
    for (size_t i = 0; i < document.size(); ++i) {
      const json* const part = ElementOf(taken, i);
      if (part == nullptr) break;
      TREADLE_RETURN_IF_ERROR(ForEachInteger(document[i], *part, At(path, i), array, visit));
    }
  } else if (document.is_object()) {
    for (auto member = document.begin(); member != document.end(); ++member) {
      const json* const part = MemberOf(taken, member.key());
      if (part == nullptr) continue;
      TREADLE_RETURN_IF_ERROR(
          ForEachInteger(*member, *part, Within(path, member.key()), array, visit));
    }
  }
  return {};
}

// As 64 bits, however it is stored.
uint64_t BitsOf(const json& number) {
  return number.is_number_unsigned() ? number.get<uint64_t>()
                                     : static_cast<uint64_t>(number.get<int64_t>());
}

bool IsNegative(const json& number) {
  return !number.is_number_unsigned() && number.get<int64_t>() < 0;
}

bool IsSame(const json& one, const json& other) {
  return BitsOf(one) == BitsOf(other) && IsNegative(one) == IsNegative(other);
}

template <class T>
bool IsIn(const json& number) {
  if (number.is_number_unsigned())
    return number.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<T>::max());
  const int64_t value = number.get<int64_t>();
  if constexpr (sizeof(T) == sizeof(int64_t)) {
    return std::is_signed_v<T> || value >= 0;
  } else {
    return value >= static_cast<int64_t>(std::numeric_limits<T>::min()) &&
           value <= static_cast<int64_t>(std::numeric_limits<T>::max());
  }
}

template <class T>
bool IsCastTo(const json& number, const json& taken) {
  return !IsIn<T>(number) && IsIn<T>(taken) &&
         static_cast<T>(BitsOf(number)) == static_cast<T>(BitsOf(taken));
}

bool IsCast(const json& number, const json& taken) {
  return IsCastTo<int8_t>(number, taken) || IsCastTo<uint8_t>(number, taken) ||
         IsCastTo<int16_t>(number, taken) || IsCastTo<uint16_t>(number, taken) ||
         IsCastTo<int32_t>(number, taken) || IsCastTo<uint32_t>(number, taken) ||
         IsCastTo<int64_t>(number, taken) || IsCastTo<uint64_t>(number, taken);
}

/// Whether a whole number is anywhere in `taken`.
bool Has(const json& taken, const json& number) {
  if (taken.is_structured())
    return std::any_of(taken.begin(), taken.end(),
                       [&](const json& part) { return Has(part, number); });
  return taken.is_number_integer() && IsSame(taken, number);
}

bool IsHarmful(const json& number) {
  if (!number.is_number_float()) return false;
  const auto value = number.get<double>();
  return value <= -1 || value >= kHarmlessEnd;
}

bool HasHarmful(const json& document) {
  if (document.is_structured()) return std::any_of(document.begin(), document.end(), HasHarmful);
  return IsHarmful(document);
}

void MakeHarmless(json* document) {
  if (document->is_structured()) {
    for (json& part : *document) MakeHarmless(&part);
  } else if (IsHarmful(*document)) {
    *document = std::fmod(std::abs(document->get<double>()), 100.0);
  }
}

}  // namespace

bool HasNumberToCheck(const json& document) {
  if (document.is_structured())
    return std::any_of(document.begin(), document.end(), HasNumberToCheck);
  if (document.is_number_unsigned()) return document.get<uint64_t>() >= uint64_t{128};
  return document.is_number();
}

std::optional<json> Harmless(const json& document) {
  if (!HasHarmful(document)) return std::nullopt;
  json harmless = document;
  MakeHarmless(&harmless);
  return harmless;
}

Status MakeWhole(json* document, const json& taken) {
  const auto visit = [](json& number, const json&, const std::string& path, const json*) -> Status {
    if (!number.is_number_float()) return {};
    const auto value = number.get<double>();
    if (!IsWhole(value)) return NotWhole(path, number);
    number = static_cast<int64_t>(value);
    return {};
  };
  return ForEachInteger(*document, taken, "", nullptr, visit);
}

// Sets and maps have an order of their own: what is somewhere else in the array was not cast.
Status CheckTaken(const json& document, const json& taken) {
  const auto visit = [](const json& number, const json& part, const std::string& path,
                        const json* array) -> Status {
    if (number.is_number_float())
      return IsWhole(number.get<double>()) ? Status() : NotWhole(path, number);
    if (!IsCast(number, part) || (array != nullptr && Has(*array, number))) return {};
    return {Code::kInvalidArgument, Shown(path) + " is out of range: " + number.dump()};
  };
  return ForEachInteger(document, taken, "", nullptr, visit);
}

}  // namespace treadle::detail
