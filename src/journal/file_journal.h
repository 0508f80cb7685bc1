// FileJournal: the Journal in files of a directory. docs/formats/journal.md is the specification.
//
// Append() and Sync() on one executor; Read() and Trim() on another one; MakeRoom() on any, one at
// a time; the rest anywhere. Whoever opens it holds the lock of the data directory. Once an
// Append() or Sync() has failed, all later ones fail the same way: after a failed sync nobody knows
// what is on the disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/disk.h"
#include "base/random.h"
#include "journal/frame_format.h"
#include "journal/held_segments.h"
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
  /// How many shards share the log, each with a stream of its own: 1 to kStreamsMax. A log keeps
  /// the number with which it was created.
  uint16_t streams = 1;
};

class FileJournal final : public Journal {
 public:
  ~FileJournal() override;

  /// Creates the directory and the journal if there is none, and always begins a new segment.
  /// Borrows `disk` and `random` for its life. Errors as of ScanJournal(), which leave all files as
  /// they were, and INVALID_ARGUMENT for options that cannot be.
  static Result<std::unique_ptr<FileJournal>> Open(Disk* disk, Random* random,
                                                   const FileJournalOptions& options);

  /// The log as shard `id` sees it, from 1. Lives as long as this. One thread may append, for all
  /// streams; each stream may be read and trimmed by another one. FileJournal itself is stream 1.
  Journal* stream(ShardId id);

  /// Drawn when the journal was created; the store keeps it too, so that the two are never mixed
  /// up.
  uint64_t identity() const { return identity_; }

  uint32_t term() const override { return term_; }
  uint64_t first_sequence() const override;
  uint64_t recovered_sequence() const override { return recovered(1); }
  using Journal::Append;
  Status Append(std::span<const Frame> frames, Durability durability) override;
  Status Sync() override;
  Status Read(uint64_t from, uint64_t to, const Visitor& visit) override;
  Status Trim(uint64_t sequence) override { return Trim(1, sequence); }
  bool HasRoomFor(uint64_t bytes) const override;
  Status MakeRoom() override { return spares_.Prepare(); }
  void WhenFull(std::function<Result<bool>()> gain) override { spares_.WhenFull(std::move(gain)); }
  Status CheckInPlace() override;

 private:
  class Stream;

  FileJournal(Disk* disk, Random* random, FileJournalOptions options);

  Status Start(Scan scan);
  bool among_streams() const { return options_.streams > 1; }
  uint64_t recovered(ShardId stream) const { return recovered_.at(stream - 1U); }
  Status ReadStream(ShardId stream, uint64_t from, uint64_t to, const Visitor& visit);
  Status Trim(ShardId stream, uint64_t sequence);
  Status AppendFrame(const Frame& frame);
  Status SyncFrames();
  Status BeginSegment(uint64_t number);
  std::string Path(const std::string& name) const { return options_.directory + "/" + name; }

  Disk* const disk_;
  Random* const random_;
  const FileJournalOptions options_;
  SpareFiles spares_;

  // Of this opening; set by Start().
  uint64_t identity_ = 0;
  uint32_t term_ = 0;
  std::vector<uint64_t> recovered_;  // by stream
  std::vector<std::unique_ptr<Journal>> streams_;

  // Of the appending executor.
  SegmentHeader active_;
  std::unique_ptr<File> file_;
  uint64_t offset_ = 0;
  uint64_t next_position_ = 1;  // with one stream, its next sequence
  uint64_t synced_through_ = 0;
  std::string buffer_;  // reused, so that appending does not allocate
  Status failed_;

  // Of the reading executor: readers continue there, so that a checkpoint does not read what the
  // last one has read.
  ReadPlace read_to_;

  std::atomic<uint64_t> room_ = 0;  // bytes left in the active segment
  HeldSegments held_;
};

}  // namespace treadle
