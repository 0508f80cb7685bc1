// RepairPlan: what is to be done to a damaged data directory, decided before anything is changed.
//
// A repair ends in one state: the store holds everything up to frame `end`, and the journal
// continues behind it. Frames that can be trusted and follow the store without a gap are carried
// into the store, by the code of the checkpoint; what comes after the first gap is dropped, since a
// state that leaves out some changes and has later ones never existed.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "journal/journal_salvage.h"
#include "node/data_directory.h"
#include "store/store.h"
#include "tools/data_tools.h"

namespace treadle::tools {

struct RepairPlan {
  enum class StoreWork {
    kKeep,     // it is sound
    kSalvage,  // row by row into a new file
    kRebuild,  // a new file, only from the journal
  };

  JournalSalvage journal;
  uint64_t identity = 0;
  StoreWork store_work = StoreWork::kKeep;
  /// The store's own metadata; nothing if that cannot be read, or there is no store.
  std::optional<StoreMeta> meta;
  /// Frames to carry into the store; `from` > `to`: none.
  uint64_t from = 1;
  uint64_t to = 0;
  /// The last frame of what will be there.
  uint64_t end = 0;
  bool new_journal = false;
  /// IDs may have been used that nothing remaining mentions.
  bool ids_unknown = false;
  /// One more than the highest task sequence in frames that will be dropped, and 0 without any.
  uint64_t next_sequence = 0;
  std::vector<RepairReport::Loss> losses;

  bool has_work() const { return store_work != StoreWork::kKeep || from <= to || new_journal; }
};

/// Reads all of the directory and changes nothing; the journal borrows `disk`. FAILED_PRECONDITION:
/// something there is of another version or makes a repair a guess; the message says what to do.
/// Errors of the disk.
Result<RepairPlan> PlanRepair(Disk* disk, const DataDirectory& data);

}  // namespace treadle::tools
