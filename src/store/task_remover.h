// TaskRemover: takes tasks out of all tables but `found`, many by one statement.
//
// A backlog that is drained is thousands of tasks that stand side by side and go together. Ids are
// whole numbers, so nothing else can stand within a run of them that has no gap: it goes as a
// range, in `live` within a lane, in the other tables whatever the lanes. Those that have no row of
// a run, as most have none, are left alone. One thread.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "store/next_row.h"
#include "store/sqlite.h"
#include "store/store.h"

namespace treadle {

/// Ids from `first` to `last`, both included.
struct IdRun {
  int64_t first;
  int64_t last;
};

/// Removes rows from a table that is found by the task's id alone.
class RemoverById {
 public:
  /// `id` is the first column of the table's key. `db` must outlive it.
  RemoverById(Connection* db, const std::string& table, const std::string& id);

  /// Of rising ids.
  Status Remove(std::span<const IdRun> runs);

 private:
  Statement remove_;
  NextRow next_;
};

class TaskRemover {
 public:
  /// `db` must outlive it.
  explicit TaskRemover(Connection* db);

  /// Gathers a task that is gone, with all places in which it may wait.
  void Add(const TaskChange& change);
  /// Gathers a place alone, from which a task moved.
  void AddPlace(const TaskPlace& place);
  /// Removes what was gathered.
  Status Flush();
  /// Forgets what was gathered.
  void Clear();

 private:
  /// Of a row of `live`, in its order.
  struct Place {
    QueueId queue;
    TypeId type;
    uint8_t rank;
    int64_t id;
    auto operator<=>(const Place&) const = default;
  };

  Status RemoveLive();
  Status RemoveOthers();

  Statement live_;
  RemoverById done_;
  RemoverById attempts_;
  RemoverById logs_;
  RemoverById saved_;
  std::vector<Place> places_;
  std::vector<int64_t> ids_;
};

}  // namespace treadle
