// Field: a member of a policy as one row of a table. The row has all that there is to know about
// the member, and everything that carries policies reads it: the form on disk, JSON, files and
// words of the command line, validation, and the contract of the API.
//
// Pure values; any thread. Rows are constants of the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/status.h"
#include "base/time.h"

namespace treadle {

enum class FieldKind : uint8_t {
  kDuration,   // in ms; its name in JSON ends in "_ms"
  kBytes,      // a size
  kCount,      // any other number
  kSwitch,     // 0 or 1
  kChoice,     // the number of a word
  kDurations,  // a list, with the same rule for its name
  kCodes,      // a list of error codes
};

/// Numbers, switches and choices are one number; the others are lists.
using FieldValue = std::variant<int64_t, std::vector<int64_t>, std::vector<std::string>>;

/// A row without the way to its member.
struct FieldInfo {
  uint8_t number;         // on disk; never changes, and is never used for another field
  std::string_view path;  // in JSON: "retention.completed_ms"
  FieldKind kind;
  int64_t min = 0;  // of the number, or of each in the list
  int64_t max = 1;
  size_t items_max = 0;                            // of a list
  std::span<const std::string_view> choices = {};  // kChoice: the word of `min`, of `min` + 1, …
  std::string_view about = {};                     // in Markdown, for the contract of the API
  bool is_own = false;                             // the engine's: on disk only
  std::string_view since = "0.4";                  // the version that first wrote the number

  /// "retention"; empty for a field of the policy itself.
  constexpr std::string_view section() const {
    const size_t dot = path.find('.');
    return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
  }
  /// "completed_ms".
  constexpr std::string_view name() const {
    return section().empty() ? path : path.substr(section().size() + 1);
  }
  /// In files and on the command line, where a duration brings its unit: "retention.completed".
  constexpr std::string_view word() const {
    const bool has_unit = kind == FieldKind::kDuration || kind == FieldKind::kDurations;
    return has_unit ? path.substr(0, path.size() - std::string_view("_ms").size()) : path;
  }
};

/// A row of the table of a T. A value passed to `set` must fit the row's kind and range.
template <class T>
struct Field : FieldInfo {
  FieldValue (*get)(const T& policy);
  void (*set)(const FieldValue& value, T* policy);
};

/// INVALID_ARGUMENT, if `value` is out of the field's range. `name` is the field's place in the
/// request: "tasks[3].retry.total_ms".
Status CheckField(const FieldInfo& field, std::string_view name, const FieldValue& value);

namespace field_internal {

template <class M>
FieldValue ValueOf(const M& member) {
  if constexpr (std::is_same_v<M, ShardTime>)
    return member.ms;
  else if constexpr (std::is_integral_v<M> || std::is_enum_v<M>)
    return static_cast<int64_t>(member);
  else
    return member;
}

template <class M>
void SetMember(const FieldValue& value, M* member) {
  if constexpr (std::is_same_v<M, ShardTime>)
    member->ms = std::get<int64_t>(value);
  else if constexpr (std::is_integral_v<M> || std::is_enum_v<M>)
    *member = static_cast<M>(std::get<int64_t>(value));
  else
    *member = std::get<M>(value);
}

template <class T, class M>
T ClassOf(M T::*);

}  // namespace field_internal

/// The row of the member at the end of a path of members:
/// Row<&QueuePolicy::retention, &RetentionPolicy::dead_ms>({.number = …}).
template <auto kFirst, auto... kRest>
constexpr auto Row(const FieldInfo& info) {
  using T = decltype(field_internal::ClassOf(kFirst));
  return Field<T>{
      info, [](const T& policy) { return field_internal::ValueOf(((policy.*kFirst).*....*kRest)); },
      [](const FieldValue& value, T* policy) {
        field_internal::SetMember(value, &((policy->*kFirst).*....*kRest));
      }};
}

}  // namespace treadle
