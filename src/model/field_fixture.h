// Other values for fields, for tests that go through a table.
#pragma once

#include <string>
#include <vector>

#include "model/field.h"

namespace treadle {

/// A value that the field may have, and that is not its default.
inline FieldValue AnotherValue(const FieldInfo& field, const FieldValue& usual) {
  if (std::holds_alternative<std::vector<int64_t>>(usual))
    return std::vector<int64_t>{field.max, field.min};
  if (std::holds_alternative<std::vector<std::string>>(usual))
    return std::vector<std::string>{"busy", "a longer one"};
  return usual == FieldValue(field.max) ? field.min : field.max;
}

}  // namespace treadle
