// Loader: reads whole tasks from their places.
//
// The waiting tasks of a lane are side by side and mostly wanted together, so one range scan
// brings many. Where the rows between two wanted ones are too many, the scan jumps.
#pragma once

#include <span>
#include <vector>

#include "store/sqlite/lanes.h"
#include "store/sqlite/row.h"
#include "store/sqlite/sqlite.h"
#include "store/sqlite/trail_rows.h"
#include "store/store.h"

namespace treadle {

class Loader {
 public:
  /// `db` must outlive the loader.
  explicit Loader(Connection* db);

  /// As Store::Load(), in no particular order.
  Result<std::vector<TaskRecord>> Load(const std::vector<TaskPlace>& places);

 private:
  using Places = std::span<const TaskPlace>;

  /// Reads the tasks in the lane of `places`, all of one lane and by rising id; the others go to
  /// `ended_`.
  Status LoadLane(Places places, std::vector<TaskRecord>* records);
  /// One scan; drops from `places` what it has settled.
  Status Scan(int64_t lane, Places* places, std::vector<TaskRecord>* records);
  Status LoadEnded(std::vector<TaskRecord>* records);
  Status Read(const Rows& row, TaskTable table, TaskId id, std::vector<TaskRecord>* records);

  Connection* db_;
  LaneFinder lanes_;
  Statement range_;
  Statement done_;
  TrailReader trail_;
  std::vector<TaskId> ended_;
};

}  // namespace treadle
