// The walk of a value along a schema. Inside contract/ only.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "contract/schema_table.h"
#include "contract/schema_value.h"

namespace treadle {

/// As JsonSchema::Check(). `bytes` is about the size of the value's text, which bounds the work.
Status CheckAgainst(const SchemaTable& table, const SchemaJson& value, size_t bytes,
                    std::string_view name);

/// A key as it stands in a path: ".price", or ["two words"].
std::string KeyText(std::string_view key);

}  // namespace treadle
