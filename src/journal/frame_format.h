// The bytes of segments and frames. docs/formats/journal.md is the specification; this is its only
// reader and writer. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/time.h"
#include "journal/journal.h"

namespace treadle {

inline constexpr uint32_t kJournalFormat = 2;
/// Older ones were written by no release, and their effects mean something else.
inline constexpr uint32_t kJournalFormatOldest = 2;
inline constexpr size_t kSegmentHeaderBytes = 4096;
inline constexpr size_t kFrameHeaderBytes = 56;
inline constexpr size_t kFrameAlignment = 8;
static_assert(kSegmentHeaderBytes % kFrameAlignment == 0);  // where the first frame begins
static_assert(kFrameHeaderBytes % kFrameAlignment == 0);    // where one without effects ends
inline constexpr uint32_t kTermMax = UINT32_MAX - 1;        // there is always one more
inline constexpr uint16_t kStream = 1;  // later one log carries the streams of several shards

struct SegmentHeader {
  uint64_t number = 0;  // of the segment, from 1; the file's name
  // Drawn each time the file is put to use, so that frames of an earlier use do not match.
  uint64_t incarnation = 0;
  uint64_t identity = 0;        // of the journal, drawn when it was created
  uint32_t term = 0;            // of the opening that made the segment
  uint64_t first_sequence = 0;  // of the first frame in it
  uint64_t synced_through = 0;  // the highest sequence that was durable when this was written
  uint64_t segment_bytes = 0;   // of the whole file

  bool operator==(const SegmentHeader&) const = default;
};

/// kSegmentHeaderBytes long.
std::string EncodeSegmentHeader(const SegmentHeader& header);
/// FAILED_PRECONDITION: written by a newer Treadle. DATA_LOSS: damaged, or no segment at all. The
/// message continues "journal segment x".
Result<SegmentHeader> DecodeSegmentHeader(std::string_view bytes);

struct ParsedFrame {
  Frame frame;                  // its effects point into the bytes that were parsed
  uint64_t synced_through = 0;  // the highest sequence that was durable when the frame was written
};

/// What a frame with `effects_bytes` takes in the segment.
constexpr uint64_t FrameBytes(uint64_t effects_bytes) {
  return (kFrameHeaderBytes + effects_bytes + kFrameAlignment - 1) / kFrameAlignment *
         kFrameAlignment;
}

/// Appends the frame's FrameBytes() to `out`.
void EncodeFrame(const Frame& frame, uint64_t incarnation, uint64_t synced_through,
                 std::string* out);

/// How many bytes at the front of `bytes`, which begin where a frame may, hold no frame's beginning
/// for certain: a multiple of kFrameAlignment. Fast, for searching all of a segment.
size_t BytesWithoutFrame(std::string_view bytes);
/// The length of effects that the header at the front of `bytes` claims, if it looks like one of
/// this incarnation.
std::optional<uint32_t> ClaimedEffectsBytes(std::string_view bytes, uint64_t incarnation);
/// The frame at the front of `bytes`, whole, of this incarnation and with a checksum that holds;
/// nothing otherwise.
std::optional<ParsedFrame> ParseFrame(std::string_view bytes, uint64_t incarnation);

}  // namespace treadle
