// Lanes: the table `lane`, which gives each queue, type and rank in use a number. See lane_place.h.
#pragma once

#include <cstdint>
#include <map>

#include "store/sqlite/lane_place.h"
#include "store/sqlite/sqlite.h"

namespace treadle {

/// For those that read. One thread; `db` must outlive it.
class LaneFinder {
 public:
  explicit LaneFinder(Connection* db);

  /// The lane of its tasks, if there are any. DATA_LOSS: its row is damaged.
  Result<int64_t> Find(const LaneKey& key);
  /// The other way round. NOT_FOUND: nobody has that number.
  Result<LaneKey> KeyOf(int64_t lane);

 private:
  Statement find_;
  Statement key_of_;
};

/// All lanes by number, and each checked. DATA_LOSS: one is damaged.
Result<std::map<int64_t, LaneKey>> ReadLanes(Connection* db);

/// For the one that writes: makes a lane when its first task comes. One thread; `db` must outlive
/// it.
class LaneMaker {
 public:
  explicit LaneMaker(Connection* db);

  /// Before all else of a transaction.
  Status Begin();
  /// The lane of that key; makes it if there is none. After a transaction that was not committed it
  /// knows too much: Forget().
  Result<int64_t> Of(const LaneKey& key);
  /// The same, but creates none: then it has no tasks.
  int64_t Find(const LaneKey& key) const;
  void Forget() { is_read_ = false; }

 private:
  Status Read();
  /// While tasks are in the shared lane, none may leave it, or their tasks would be sought
  /// elsewhere.
  Result<bool> IsSharedLaneInUse();

  Connection* db_;
  Statement insert_;
  Statement shared_;
  std::map<LaneKey, int64_t> lanes_;
  int64_t last_ = 0;  // the highest number given
  bool is_read_ = false;
  bool shared_in_use_ = false;
};

}  // namespace treadle
