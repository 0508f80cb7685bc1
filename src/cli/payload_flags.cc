#include "cli/payload_flags.h"

#include <fmt/format.h>

#include "base/utf8.h"
#include "cli/input_file.h"
#include "client/wire.h"
#include "json/tree.h"

namespace treadle::cli {
namespace {

// What to type instead of `text`, which is not JSON.
std::string InsteadOf(const std::string& text) {
  const bool is_plain = text.size() <= 60 && text.find_first_of("{[\"'\n") == std::string::npos;
  if (!is_plain) return R"(put the payload in single quotes, for example '{"name":"Ada"}')";
  return fmt::format("a string needs double quotes inside single quotes: '{}'", QuoteJson(text));
}

Status CheckPayload(const std::string& json) {
  const std::optional<JsonError> error = FindJsonError(json);
  if (!error) return Status::Ok();
  return InvalidArgument(
      fmt::format("the payload is not JSON: {}; {}, or send other bytes with --raw",
                  error->ToString(json), InsteadOf(json)));
}

}  // namespace

void AddPayloadFlags(Command& command, PayloadFlags* flags) {
  command
      .Text("--payload-file", "FILE", &flags->file,
            "Read the payload from FILE; - is standard input")
      .Text("--content-type", "TYPE", &flags->content_type,
            "Content type of the payload (default application/json)")
      .Switch("--raw", &flags->raw, "Send the payload as plain bytes, not as JSON");
}

Result<std::optional<PayloadBytes>> ReadPayload(const PayloadFlags& flags) {
  if (!IsUtf8(flags.content_type)) {
    return InvalidArgument(fmt::format("\"{}\" is not UTF-8", flags.content_type));
  }
  if (flags.text && !flags.file.empty()) {
    return InvalidArgument("give the payload as an argument or with --payload-file, not both");
  }
  if (!flags.text && flags.file.empty() && !flags.raw) return std::optional<PayloadBytes>();
  PayloadBytes payload{.bytes = flags.text.value_or(""), .content_type = std::string(wire::kJson)};
  if (!flags.file.empty()) {
    TREADLE_ASSIGN_OR_RETURN(payload.bytes, ReadInputFile(flags.file));
  }
  if (flags.raw) payload.content_type = "application/octet-stream";
  if (!flags.content_type.empty()) payload.content_type = flags.content_type;
  if (payload.content_type == wire::kJson) {
    TREADLE_RETURN_IF_ERROR(CheckPayload(payload.bytes));
  }
  return std::optional(std::move(payload));
}

}  // namespace treadle::cli
