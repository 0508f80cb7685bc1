// Loader: reads whole tasks from where they stand.
//
// Waiting tasks are stored in lease order, and tasks are mostly wanted in that order, so one range
// scan of a lane brings many. Where the rows between two wanted ones are too many, the scan jumps.
#pragma once

#include <span>
#include <vector>

#include "store/sqlite.h"
#include "store/store.h"
#include "store/trail_rows.h"

namespace treadle {

class Loader {
 public:
  /// `db` must outlive the loader.
  explicit Loader(Connection* db);

  /// As Store::Load(), in no particular order.
  Result<std::vector<TaskRecord>> Load(const std::vector<TaskPlace>& places);

 private:
  using Places = std::span<const TaskPlace>;

  /// Reads what stands in the lane of `places`, all of one lane and by rising id; the others go to
  /// `ended_`.
  Status LoadLane(Places places, std::vector<TaskRecord>* records);
  /// One scan; drops from `places` what it has settled.
  Status Scan(Places* places, std::vector<TaskRecord>* records);
  Status LoadEnded(std::vector<TaskRecord>* records);
  Status Read(const Rows& row, std::vector<TaskRecord>* records);

  Connection* db_;
  Statement range_;
  Statement done_;
  TrailReader trail_;
  std::vector<TaskId> ended_;
};

}  // namespace treadle
