// FileJournal: the Journal in files of a directory. docs/formats/journal.md is the specification.
//
// Append() and Sync() on one lane; Read(), Trim() and MakeRoom() on another one; HasRoomFor()
// anywhere. Whoever opens it holds the lock of the data directory.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/random.h"
#include "base/thread_annotations.h"
#include "journal/frame_format.h"
#include "journal/journal.h"
#include "journal/recovery_scan.h"

namespace treadle {

struct FileJournalOptions {
  std::string directory;
  uint64_t segment_bytes = uint64_t{32} << 20;  // a multiple of 4096; bounds the size of a frame
};

class FileJournal final : public Journal {
 public:
  /// Creates the directory and the journal if there is none. Borrows `disk`. Errors as of
  /// ScanJournal(): then nothing was changed.
  static Result<std::unique_ptr<FileJournal>> Open(Disk* disk, Random* random,
                                                   const FileJournalOptions& options);

  /// Drawn when the journal was created; the store keeps it too, so that the two are never mixed
  /// up.
  uint64_t identity() const { return active_.identity; }

  uint32_t term() const override { return active_.term; }
  uint64_t first_sequence() const override;
  uint64_t recovered_sequence() const override { return recovered_; }
  Status Append(const Frame& frame, Durability durability) override;
  Status Sync() override;
  Status Read(uint64_t from, uint64_t to, const Visitor& visit) override;
  Status Trim(uint64_t sequence) override;
  bool HasRoomFor(uint64_t bytes) const override;
  Status MakeRoom() override;

 private:
  struct Segment {
    uint64_t number;
    uint64_t first_sequence;
  };

  FileJournal(Disk* disk, Random* random, FileJournalOptions options);

  Status Start(const Scan& scan);
  Status BeginSegment(uint64_t first_sequence);
  /// The name of a file that is ready to become a segment: a spare, or a new one.
  Result<std::string> TakeSpare();
  Result<std::string> MakeSpare();
  Status Recycle(const Segment& segment);
  Status ReadSegment(uint64_t number, uint64_t from, uint64_t to, const Visitor& visit);
  std::string Path(const std::string& name) const { return options_.directory + "/" + name; }

  Disk* disk_;
  Random* random_;
  FileJournalOptions options_;
  uint64_t recovered_ = 0;

  // Of the appending lane.
  SegmentHeader active_;
  std::unique_ptr<File> file_;
  uint64_t offset_ = 0;
  uint64_t next_sequence_ = 1;
  uint64_t synced_through_ = 0;
  std::string buffer_;

  std::atomic<uint64_t> room_ = 0;  // bytes left in the active segment
  mutable Mutex mutex_;
  std::deque<Segment> segments_ TREADLE_GUARDED_BY(mutex_);  // oldest first, the active one last
  std::vector<std::string> spares_ TREADLE_GUARDED_BY(mutex_);
  uint64_t next_spare_ TREADLE_GUARDED_BY(mutex_) = 1;
};

}  // namespace treadle
