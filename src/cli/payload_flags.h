// The payload of a task as words of a command line: a word, or a file; JSON, or any bytes.
#pragma once

#include <optional>
#include <string>

#include "base/status.h"
#include "cli/arguments.h"

namespace treadle::cli {

struct PayloadFlags {
  std::optional<std::string> text;  // the word; it may be empty, which is no JSON
  std::string file;                 // "-" is standard input
  std::string content_type;
  bool raw = false;
};

/// Adds the flags, but for the word itself. `flags` must live until the command line is parsed.
void AddPayloadFlags(Command& command, PayloadFlags* flags);

struct PayloadBytes {
  std::string bytes;
  std::string content_type;
};

/// Nothing if no payload was given. INVALID_ARGUMENT: given twice, not to be read, or no JSON
/// though it is called that.
Result<std::optional<PayloadBytes>> ReadPayload(const PayloadFlags& flags);

}  // namespace treadle::cli
