// JournalSnapshot: the frames of a journal that nobody writes to, as a Journal that cannot be
// written to. For looking at a data directory without changing it. One thread.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/disk.h"
#include "journal/journal.h"
#include "journal/recovery_scan.h"

namespace treadle {

class JournalSnapshot final : public Journal {
 public:
  /// `scan` is FollowJournal()'s of the same directory. Borrows `disk`.
  JournalSnapshot(Disk* disk, std::string directory, Scan scan)
      : disk_(disk), directory_(std::move(directory)), scan_(std::move(scan)) {}

  uint64_t identity() const { return scan_.segments.empty() ? 0 : scan_.segments[0].identity; }

  /// That which the next opening would have.
  uint32_t term() const override;
  uint64_t first_sequence() const override;
  uint64_t recovered_sequence() const override { return scan_.last_sequence; }
  Status Read(uint64_t from, uint64_t to, const Visitor& visit) override;

  // FAILED_PRECONDITION, all of them.
  Status Append(std::span<const Frame> frames, Durability durability) override;
  Status Sync() override;
  Status Trim(uint64_t sequence) override;
  bool HasRoomFor(uint64_t) const override { return false; }
  Status MakeRoom() override;

 private:
  Disk* const disk_;
  const std::string directory_;
  const Scan scan_;
};

}  // namespace treadle
