// JSON Schemas of contracts, and values checked against them. An input is a schema on one line,
// followed by a value. libFuzzer's own -timeout limits the time.

#include <string>

#include "base/check.h"
#include "contract/json_schema.h"
#include "tests/fuzz/fuzz_target.h"

namespace treadle::fuzz {
namespace {

void CheckAnswer(const Status& status, std::string_view name) {
  if (status.ok()) return;
  TREADLE_CHECK(status.code() == Code::kInvalidArgument);
  TREADLE_CHECK(status.message().starts_with(name) && status.message().size() > name.size());
}

}  // namespace

TREADLE_FUZZ_TARGET(schema) {
  Input in(input);
  const std::string_view text = in.Line();
  const std::string_view value = in.Rest();
  const auto schema = JsonSchema::Compile(text, "input_schema");
  CheckAnswer(schema.status(), "input_schema");
  if (!schema.ok()) return;
  CheckAnswer((*schema)->Check(value, "payload"), "payload");
  CheckAnswer((*schema)->Check(text, "payload"), "payload");
  const auto again = JsonSchema::Compile(text, "input_schema");
  TREADLE_CHECK(again.ok() &&
                (*again)->Check(value, "payload").ok() == (*schema)->Check(value, "payload").ok());
}

}  // namespace treadle::fuzz
