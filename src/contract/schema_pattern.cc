#include "contract/schema_pattern.h"

#include <string>

#include "model/limits.h"

namespace treadle {
namespace {

// Bounds the program too, and with it the time for each byte of a text.
constexpr int64_t kMemoryMax = int64_t{128} << 10;

bool IsHex4(std::string_view text) {
  return text.size() >= 4 &&
         text.substr(0, 4).find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

// Where the two dialects write the same thing differently: \u00e9, and names of groups.
std::string InDialectOfRe2(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("\\u") && IsHex4(rest.substr(2))) {
      out.append("\\x{").append(rest.substr(2, 4)).append("}");
      i += 5;
    } else if (rest.front() == '\\' && rest.size() > 1) {
      out.append(rest.substr(0, 2));
      i += 1;
    } else if (rest.starts_with("(?<") && !rest.starts_with("(?<=") && !rest.starts_with("(?<!")) {
      out.append("(?P<");
      i += 2;
    } else {
      out.push_back(rest.front());
    }
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<const re2::RE2>> CompilePattern(std::string_view text) {
  if (text.size() > limits::kPatternBytes)
    return Status(Code::kInvalidArgument,
                  "must have at most " + std::to_string(limits::kPatternBytes) + " bytes");
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMemoryMax);
  options.set_never_capture(true);
  auto pattern = std::make_unique<const re2::RE2>(InDialectOfRe2(text), options);
  if (pattern->ok()) return pattern;
  return Status(Code::kInvalidArgument,
                "must be a regular expression without look-around and back references (RE2): " +
                    pattern->error());
}

}  // namespace treadle
