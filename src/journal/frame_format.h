// The bytes of segments and frames. docs/formats/journal.md is the specification; this is its only
// reader and writer. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "journal/journal.h"

namespace treadle {

inline constexpr uint32_t kJournalFormat = 3;           // of logs with several streams
inline constexpr uint32_t kJournalFormatOneStream = 2;  // still written where there is only one
/// Older ones were written by no release, and their effects mean something else.
inline constexpr uint32_t kJournalFormatOldest = 2;
inline constexpr size_t kSegmentHeaderBytes = 4096;
inline constexpr size_t kFrameHeaderBytes = 56;
inline constexpr size_t kFrameAlignment = 8;
static_assert(kSegmentHeaderBytes % kFrameAlignment == 0);  // where the first frame begins
static_assert(kFrameHeaderBytes % kFrameAlignment == 0);    // where one without effects ends
inline constexpr uint32_t kTermMax = UINT32_MAX - 1;        // there is always one more
inline constexpr size_t kStreamsMax = 256;

struct SegmentHeader {
  uint64_t number = 0;  // of the segment, from 1; the file's name
  // Drawn each time the file is put to use, so that frames of an earlier use do not match.
  uint64_t incarnation = 0;
  uint64_t identity = 0;        // of the journal, drawn when it was created
  uint32_t term = 0;            // of the opening that made the segment
  uint64_t first_sequence = 0;  // the position of the first frame in it
  uint64_t synced_through = 0;  // the highest position that was durable when this was written
  uint64_t segment_bytes = 0;   // of the whole file
  // If the log has several streams: of each, the sequence of its first frame in this segment or a
  // later one. Empty: there is one, and first_sequence says it.
  std::vector<uint64_t> streams = {};

  bool operator==(const SegmentHeader&) const = default;
};

/// kSegmentHeaderBytes long.
std::string EncodeSegmentHeader(const SegmentHeader& header);
/// FAILED_PRECONDITION: written by a newer Treadle. DATA_LOSS: damaged, or no segment at all. The
/// message continues "journal segment x".
Result<SegmentHeader> DecodeSegmentHeader(std::string_view bytes);

struct ParsedFrame {
  Frame frame;                  // its effects point into the bytes that were parsed
  uint64_t position = 0;        // in the log; with one stream, its sequence
  uint64_t synced_through = 0;  // the highest position that was durable when the frame was written
  uint64_t bytes = 0;           // that it takes in the segment
  bool among_streams = false;   // it is of a log with several
};

/// What a frame takes in the segment, with a body of `body_bytes`: its effects, and where there are
/// several streams before them 8 bytes more.
constexpr uint64_t FrameBytes(uint64_t body_bytes) {
  return (kFrameHeaderBytes + body_bytes + kFrameAlignment - 1) / kFrameAlignment * kFrameAlignment;
}
inline constexpr uint64_t kStreamSequenceBytes = 8;

/// Where a frame stands in the log.
struct FramePlace {
  uint64_t position = 0;
  uint64_t incarnation = 0;  // of its segment
  uint64_t synced_through = 0;
  bool among_streams = false;  // the log has several; else the position is the frame's sequence
};

/// Appends the frame's FrameBytes() to `out`.
void EncodeFrame(const Frame& frame, const FramePlace& place, std::string* out);

/// How many bytes at the front of `bytes`, which begin where a frame may, hold no frame's beginning
/// for certain: a multiple of kFrameAlignment. Fast, for searching all of a segment.
size_t BytesWithoutFrame(std::string_view bytes);
/// The length of the body that the header at the front of `bytes` claims, if it looks like one of
/// this incarnation.
std::optional<uint32_t> ClaimedBodyBytes(std::string_view bytes, uint64_t incarnation);
/// The frame at the front of `bytes`, whole, of this incarnation and with a checksum that holds;
/// nothing otherwise.
std::optional<ParsedFrame> ParseFrame(std::string_view bytes, uint64_t incarnation);

}  // namespace treadle
