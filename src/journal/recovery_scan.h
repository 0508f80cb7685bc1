// The scan that opens a journal: which segments there are, how far their frames go, and whether
// what is missing at the end was ever durable. Pure but for `disk`; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/disk.h"
#include "journal/frame_format.h"
#include "journal/stream_index.h"

namespace treadle {

struct Scan {
  std::vector<SegmentHeader> segments;  // in order
  std::vector<std::string> spares;      // names of files that hold nothing
  uint64_t last_sequence = 0;           // position of the last frame that counts; 0: none ever
  StreamIndex index;                    // if the log has several streams
};

/// Reads all of `directory`; changes nothing.
///
/// Frames are followed until the first bad one, s. It is the torn end of the log, which is cut
/// there, unless something written later proves that s had been durable: a valid frame of the same
/// incarnation, or the header of a later segment, with synced_through ≥ s. Then it is DATA_LOSS.
/// Why not simply cut at the first bad frame: a flipped bit would then silently undo everything
/// behind it. Why not refuse whenever a valid frame follows: writes of one sync reach the disk in
/// any order, so a torn end may well have whole frames behind it.
///
/// DATA_LOSS also for a missing or damaged segment. FAILED_PRECONDITION: a newer format, or
/// segments of two journals.
Result<Scan> FollowJournal(Disk* disk, const std::string& directory);

/// FollowJournal(), and then makes durable what it found valid.
Result<Scan> ScanJournal(Disk* disk, const std::string& directory);

/// The file name of segment `number`.
std::string SegmentName(uint64_t number);

/// The error of whoever would write to a journal that was only scanned.
inline Status OnlyForReading() {
  return {Code::kFailedPrecondition, "this journal is open only for reading"};
}

}  // namespace treadle
