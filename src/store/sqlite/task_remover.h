// TaskRemover: takes tasks out of all tables but `found`, many by one statement.
//
// A backlog that is drained is thousands of tasks that are side by side and removed together. Ids
// are whole numbers, and so are places in a lane: nothing else can be within a run of them that has
// no gap, and it goes as a range. Tables that have no row of a run, as most have none, are left
// alone. One thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "store/sqlite/lanes.h"
#include "store/sqlite/next_row.h"
#include "store/sqlite/sqlite.h"
#include "store/store.h"

namespace treadle {

/// Ids, or places, from `first` to `last`, both included.
struct IdRun {
  int64_t first;
  int64_t last;
};

/// Removes rows from a table by the first column of its key.
class RemoverById {
 public:
  /// `id` is that column. `db` must outlive it.
  RemoverById(Connection* db, const std::string& table, const std::string& id);

  /// Of rising ids.
  Status Remove(std::span<const IdRun> runs);

 private:
  Statement remove_;
  NextRow next_;
};

class TaskRemover {
 public:
  /// `db` and `lanes` must outlive it.
  TaskRemover(Connection* db, const LaneMaker* lanes);

  /// Gathers a task that is gone, with all places in which it may wait.
  void Add(const TaskChange& change);
  /// Gathers only the place from which a task moved.
  void AddPlace(int64_t place) { places_.push_back(place); }
  /// Removes what was gathered.
  Status Flush();
  /// Forgets what was gathered.
  void Clear();

 private:
  void AddPlace(const TaskPlace& place);

  const LaneMaker* lanes_;
  RemoverById live_;
  RemoverById done_;
  RemoverById attempts_;
  RemoverById logs_;
  RemoverById saved_;
  std::vector<int64_t> places_;
  std::vector<int64_t> ids_;
};

}  // namespace treadle
