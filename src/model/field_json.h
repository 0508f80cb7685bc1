// The value of a field as JSON: 30000, true, "reject", [1000,60000]. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "json/reader.h"
#include "json/writer.h"
#include "model/field.h"

namespace treadle {

inline constexpr int64_t kNumberMax = (int64_t{1} << 53) - 1;  // what every reader of JSON can hold

/// INVALID_ARGUMENT names the field by its place in the request, if it has another type or is out
/// of its range.
Result<FieldValue> ReadField(const FieldInfo& field, JsonValue value);
/// `value` must fit the field.
void WriteField(const FieldInfo& field, const FieldValue& value, JsonWriter* out);
/// What WriteField() writes.
std::string FieldJson(const FieldInfo& field, const FieldValue& value);

}  // namespace treadle
