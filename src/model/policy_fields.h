// The tables of the fields of policies. To add a field, add its member to the struct and its row to
// the table in policy_fields.cc, with the next number. Rows are in the order in which people see
// them; the rows of a section are neighbors.
//
// Pure; any thread.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/field.h"
#include "model/queue_policy.h"
#include "model/retry_policy.h"

namespace treadle {

/// The rows of a RetryPolicy, a QueuePolicy or a TypePolicy. Those of a RetryPolicy are the section
/// "retry" of the other two and of a task.
template <class T>
std::span<const Field<T>> Fields();
template <>
std::span<const Field<RetryPolicy>> Fields<RetryPolicy>();
template <>
std::span<const Field<QueuePolicy>> Fields<QueuePolicy>();
template <>
std::span<const Field<TypePolicy>> Fields<TypePolicy>();

/// The number of the retry policy in the other two tables, which have no row for it.
inline constexpr uint8_t kRetryNumber = 1;

/// The row with this number; nullptr if this version has none.
template <class T>
const Field<T>* FindField(uint64_t number) {
  for (const Field<T>& field : Fields<T>())
    if (field.number == number) return &field;
  return nullptr;
}

/// INVALID_ARGUMENT names the first field that is out of its range.
template <class T>
Status CheckFields(const T& policy) {
  for (const Field<T>& field : Fields<T>())
    if (!field.is_own) TREADLE_RETURN_IF_ERROR(CheckField(field, field.path, field.get(policy)));
  return {};
}

/// What a request may name instead of the fields of a retry policy; it is no field itself, and has
/// no number.
extern const FieldInfo kPresetField;
/// The retry policy that a choice of kPresetField stands for.
RetryPolicy PresetPolicy(int64_t choice);

/// What people set of a queue (RetryPolicy and QueuePolicy) or a type (RetryPolicy and TypePolicy),
/// preset first.
std::vector<const FieldInfo*> SettableFields(bool of_type);

}  // namespace treadle
