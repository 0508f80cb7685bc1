// Whether a value fits a schema, and if not, why. Inside contract/ only.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "contract/check_budget.h"
#include "contract/schema_table.h"
#include "contract/schema_value.h"

namespace treadle {

/// As JsonSchema::Check(). `bytes` is about the size of the value's text, which bounds the work.
Status CheckAgainst(const SchemaTable& table, const SchemaJson& value, size_t bytes,
                    std::string_view name, const CheckBudget* budget = nullptr);

}  // namespace treadle
