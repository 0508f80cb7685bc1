// JournalSalvage: which frames of a damaged journal can still be trusted.
//
// A frame counts if it is whole and was part of the log: it is where the walk from the front of
// its segment comes to, or behind a bad place that something written later proves to have been
// durable (then all that follows in the segment is of the same life of the journal). Frames behind
// a torn end, which an earlier opening cut, do not count: the segment after them says so, or
// nothing proves them. In doubt a frame does not count.
//
// As a Journal it can only be read, and Trim() does nothing: the checkpoint may carry its frames
// into a store. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "journal/frame_format.h"
#include "journal/journal.h"

namespace treadle {

class JournalSalvage final : public Journal {
 public:
  /// Reads all of `directory`, which may be missing; changes nothing. Borrows `disk`.
  /// FAILED_PRECONDITION: a newer format, segments of two journals, or segments that contradict
  /// each other; nobody should touch these.
  static Result<JournalSalvage> Survey(Disk* disk, const std::string& directory);

  /// Nothing if no segment has a header that can be read.
  std::optional<uint64_t> identity() const;
  /// The highest number that a segment's file has or ever had; 0: none.
  uint64_t last_number() const { return last_number_; }
  /// The highest sequence that anything here mentions; frames up to it existed. 0: none ever did.
  uint64_t last_known_sequence() const { return last_known_; }
  /// The newest segment's header and size are as they should be: what is known of the end is all
  /// that the files can tell. False too if there is no segment.
  bool has_newest() const { return !segments_.empty() && newest_is_whole_; }

  /// Frames that follow each other without a gap.
  struct Run {
    uint64_t first = 0;
    uint64_t last = 0;
  };
  /// By rising sequence, with gaps between them.
  std::vector<Run> runs() const;

  /// Of the newest segment that can be read; 0: none can. What is written from here carries it.
  uint32_t term() const override { return term_; }
  uint64_t first_sequence() const override;
  uint64_t recovered_sequence() const override { return last_known_; }
  /// `from` and `to` must lie in one run.
  Status Read(uint64_t from, uint64_t to, const Visitor& visit) override;
  Status Trim(uint64_t) override { return {}; }

  // FAILED_PRECONDITION, all of them.
  Status Append(std::span<const Frame> frames, Durability durability) override;
  Status Sync() override;
  bool HasRoomFor(uint64_t) const override { return false; }
  Status MakeRoom() override;

 private:
  /// Frames of one segment, one behind the other.
  struct Piece {
    std::string path;
    uint64_t offset = 0;
    uint64_t first = 0;
    uint64_t last = 0;
  };

  explicit JournalSalvage(Disk* disk) : disk_(disk) {}

  Status ReadHeaders(const std::string& directory);
  Status NoteHeader(const std::string& directory, const std::string& name);
  Status FollowSegment(const std::string& path, size_t index);
  Status ReadPiece(const Piece& piece, uint64_t from, uint64_t to, const Visitor& visit);

  Disk* disk_;
  std::vector<SegmentHeader> segments_;  // those that can be read, in order
  std::vector<Piece> pieces_;
  uint64_t last_number_ = 0;
  uint64_t last_known_ = 0;
  uint32_t term_ = 0;
  bool newest_is_whole_ = false;
};

/// Makes `directory` a journal without a frame: one small segment with this header, whose
/// `incarnation`, `synced_through` and `segment_bytes` are chosen here. Durable on return, but for
/// the directory's own name.
Status WriteEmptyJournal(Disk* disk, const std::string& directory, SegmentHeader header);

}  // namespace treadle
