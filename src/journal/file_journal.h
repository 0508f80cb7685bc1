// FileJournal: the Journal in files of a directory. docs/formats/journal.md is the specification.
//
// Append() and Sync() on one lane; Read() and Trim() on another one; MakeRoom() on any, one at a
// time; the rest anywhere.
// Whoever opens it holds the lock of the data directory. Once an Append() or Sync() has failed, all
// later ones fail the same way: after a failed sync nobody knows what is on the disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/disk.h"
#include "base/random.h"
#include "base/thread_annotations.h"
#include "journal/frame_format.h"
#include "journal/journal.h"
#include "journal/recovery_scan.h"
#include "journal/segment_reader.h"
#include "journal/spare_files.h"

namespace treadle {

struct FileJournalOptions {
  std::string directory;
  /// A multiple of 4096, 8192 to 1 GiB; bounds the size of a frame. May change between openings.
  uint64_t segment_bytes = uint64_t{32} << 20;
  /// The term will be greater than this too: for a journal whose past is not in its files, as after
  /// a restore.
  uint32_t min_term = 0;
};

class FileJournal final : public Journal {
 public:
  /// Creates the directory and the journal if there is none, and always begins a new segment.
  /// Borrows `disk` and `random` for its life. Errors as of ScanJournal(), which leave all files as
  /// they were, and INVALID_ARGUMENT for options that cannot be.
  static Result<std::unique_ptr<FileJournal>> Open(Disk* disk, Random* random,
                                                   const FileJournalOptions& options);

  /// Drawn when the journal was created; the store keeps it too, so that the two are never mixed
  /// up.
  uint64_t identity() const { return identity_; }

  uint32_t term() const override { return term_; }
  uint64_t first_sequence() const override;
  uint64_t recovered_sequence() const override { return recovered_; }
  Status Append(const Frame& frame, Durability durability) override;
  Status Sync() override;
  Status Read(uint64_t from, uint64_t to, const Visitor& visit) override;
  Status Trim(uint64_t sequence) override;
  bool HasRoomFor(uint64_t bytes) const override;
  Status MakeRoom() override { return spares_.Prepare(); }
  void WhenFull(std::function<Result<bool>()> gain) override { spares_.WhenFull(std::move(gain)); }
  Status CheckInPlace() override;

 private:
  struct Segment {
    uint64_t number;
    uint64_t first_sequence;
    uint64_t bytes;
  };

  FileJournal(Disk* disk, Random* random, FileJournalOptions options);

  Status Start(const Scan& scan);
  Status AppendFrame(const Frame& frame, Durability durability);
  Status SyncFrames();
  Status BeginSegment(uint64_t number, uint64_t first_sequence);
  std::string Path(const std::string& name) const { return options_.directory + "/" + name; }

  Disk* const disk_;
  Random* const random_;
  const FileJournalOptions options_;
  SpareFiles spares_;

  // Of this opening; set by Start().
  uint64_t identity_ = 0;
  uint32_t term_ = 0;
  uint64_t recovered_ = 0;

  // Of the appending lane.
  SegmentHeader active_;
  std::unique_ptr<File> file_;
  uint64_t offset_ = 0;
  uint64_t next_sequence_ = 1;
  uint64_t synced_through_ = 0;
  std::string buffer_;  // reused, so that appending does not allocate
  Status failed_;

  // Of the reading lane: where the frame after the last one read begins, and the number of its
  // segment. Readers continue there, so that a checkpoint does not read what the last one has read.
  FramePlace read_to_;
  uint64_t read_segment_ = 0;

  FileIdentity file_identity_ TREADLE_GUARDED_BY(mutex_);    // of the active segment
  std::atomic<uint64_t> room_ = 0;                           // bytes left in the active segment
  mutable Mutex mutex_;                                      // never held during I/O
  std::deque<Segment> segments_ TREADLE_GUARDED_BY(mutex_);  // oldest first, the active one last
};

}  // namespace treadle
