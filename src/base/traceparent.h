// Traceparent: the trace context of a task's producer, so that the work of producer and worker is
// one trace. https://www.w3.org/TR/trace-context/
//
// On the wire it is text: "00-<trace id>-<parent id>-<flags>" in lower-case hexadecimal. In memory
// and on disk it is the 25 bytes that this text stands for, without the version: less than half of
// the text, and nothing in them can be malformed. Treadle knows version 00 and always writes it. A
// plain value; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/fixed_text.h"

namespace treadle {

inline constexpr size_t kTraceparentText = 55;  // bytes

struct Traceparent {
  static constexpr size_t kTraceIdBytes = 16;
  static constexpr size_t kParentIdBytes = 8;
  static constexpr size_t kBytes = kTraceIdBytes + kParentIdBytes + 1;

  std::array<char, kBytes> bytes{};  // trace id, parent id, flags

  /// There is none: a trace id of zeros is not valid.
  bool empty() const {
    std::array<uint64_t, 2> trace_id;
    static_assert(sizeof trace_id == kTraceIdBytes);
    std::memcpy(&trace_id, bytes.data(), sizeof trace_id);
    return (trace_id[0] | trace_id[1]) == 0;
  }
  std::string_view view() const { return {bytes.data(), bytes.size()}; }
  /// Unless it is empty.
  FixedText<kTraceparentText> Text() const;

  bool operator==(const Traceparent&) const = default;
};

/// Of what view() was; empty for bytes that are none.
Traceparent TraceparentFromRaw(std::string_view raw);

/// Version 00, exactly; nothing otherwise.
std::optional<Traceparent> ParseTraceparent(std::string_view text);

/// A header's value, as the standard reads it: of a later version the part that version 00 knows.
/// Empty if it is malformed, for then the standard ignores it.
Traceparent TraceparentFromHeader(std::string_view value);

}  // namespace treadle
