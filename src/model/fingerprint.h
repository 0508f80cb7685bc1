// Fingerprint: which failures are the same failure.
//
// Two errors are alike if they have the same code and their messages differ only in what varies
// from one task to the next: numbers, hexadecimal words, UUIDs, and quoted text. Each of
// those becomes one mark, white space becomes one blank, and the rest is hashed together with the
// task's type. (Error trackers do the same with stack traces; messages are what every worker has.)
// The first 512 bytes of a message decide: what follows is mostly a trace of its own. Pure; any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace treadle {

/// The message with marks in the place of what varies: "order # of '…' not found".
std::string NormalisedMessage(std::string_view message);

/// Equal for errors that are alike. Stable over versions: it may be kept and compared.
uint64_t ErrorFingerprint(std::string_view type, std::string_view code, std::string_view message);

/// 16 hexadecimal digits.
std::string FingerprintText(uint64_t fingerprint);

}  // namespace treadle
