// The scan that opens a journal: which segments there are, how far their frames go, and whether
// what is missing at the end was ever durable. Pure but for `disk`; any thread.
//
// The problem. Frames are followed from the first, and sooner or later one is bad: no frame is
// there, or its checksum fails. Two very different things look like that. Either the power failed
// during the last write: no reply depended on the frame, and the log ends before it. Or the frame
// was durable, replies left because of it, and the disk has damaged it since. Then to end the log
// here would silently undo it, and everything behind it.
//
// Both simple rules are wrong. "Cut at the first bad frame" turns one flipped bit into a loss of
// all later work. "It is damage if a good frame follows" refuses to start after honest crashes: the
// disk may write the blocks of one sync in any order, so behind a torn frame there may be a whole
// one that was never durable either.
//
// The idea. Each frame carries `synced_through`: the highest sequence that a sync had made durable
// when the frame was written. So does each segment's header. A bad frame s is damage if, and only
// if, something written later has synced_through ≥ s. Otherwise the log is cut before s.
//
// Why this is right. The writer puts s into synced_through only after a sync that covers s has
// returned without an error. So a proof means that s was whole on the disk, and that it no longer
// is. The replies that depend on s leave after such a sync (unless someone chose to sync only now
// and then), and the next frame or header that is written proves it. So only frames of the very
// last sync can be durable without a proof. Damage in those looks like a torn end and is cut: that
// is the limit of the rule, and the files alone cannot tell more.
//
// What else it needs:
//
// - Nothing old may pass for a frame or a proof. Files are reused, so each use draws a random
//   incarnation, and frames of another incarnation do not count.
// - No frame behind a cut may come back to life. There may be whole ones, so an opening begins a
//   new segment and never appends to an old one.
// - What was read must be durable before anything builds on it. After kill -9 the page cache may
//   have frames that the disk does not, so ScanJournal() writes the unproven ones again and syncs.
//   A sync would not be enough: after one that failed, the kernel takes the pages for clean
//   (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).
// - The length of a bad frame cannot be trusted. So its proof is searched at every multiple of 8,
//   to the end of the segment. Earlier segments need no search: the header of the next one proves
//   all their frames.
//
// Others call this telling a crash from corruption: Alagappan et al., "Protocol-Aware Recovery for
// Consensus-Based Storage", FAST 2018. docs/formats/journal.md has the rule with an example,
// tests/conformance/journal_recovery_test.cc its cases.
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
/// DATA_LOSS: a frame that was durable is bad (above), or a segment is missing or damaged.
/// FAILED_PRECONDITION: a newer format, or segments of two journals.
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
