#include "store/sqlite/repair/task_mending.h"

#include <set>
#include <vector>

#include "base/check.h"
#include "store/sqlite/lanes.h"
#include "store/sqlite/repair/salvage_sql.h"
#include "store/sqlite/task_inserter.h"

namespace treadle {
namespace {

constexpr ShardId kShard = 1;  // there is no other yet

template <TaskTable table>
class Mender {
 public:
  Mender(Connection* db, const std::function<bool(const TaskImage&)>& is_known)
      : db_(db), is_known_(is_known), maker_(db), inserter_(db) {}

  Result<MendedTasks> Run() {
    TREADLE_RETURN_IF_ERROR(maker_.Begin());
    TREADLE_ASSIGN_OR_RETURN(lanes_, ReadLanes(db_));
    TREADLE_RETURN_IF_ERROR(LookAtAll());
    for (const int64_t key : to_drop_) TREADLE_RETURN_IF_ERROR(Delete(key));
    for (const int64_t key : to_rewrite_) TREADLE_RETURN_IF_ERROR(Rewrite(key));
    mended_.dropped = to_drop_.size();
    return std::move(mended_);
  }

 private:
  static constexpr bool kWaits = table == TaskTable::kLive;

  std::string Select(const std::string& rest) {
    return "SELECT " + RowColumns(table, Parts::kWhole) + " FROM " + NameOf(table) + rest;
  }

  Status LookAtAll() {
    Statement statement(db_,
                        "SELECT " + RowColumns(table, Parts::kView) + " FROM " + NameOf(table));
    Rows rows = statement.Query();
    while (rows.Next()) TREADLE_RETURN_IF_ERROR(LookAt(rows));
    return rows.status();
  }

  Status LookAt(const Rows& row) {
    TaskRow task;
    bool is_whole = false;
    if (!Read(row, &task, &is_whole) || !MakesSense(task)) {
      to_drop_.push_back(ReadKey(row));
      return {};
    }
    TREADLE_ASSIGN_OR_RETURN(const int64_t place, PlaceOf(task));
    if (place != ReadKey(row)) {
      TREADLE_ASSIGN_OR_RETURN(const bool is_taken, IsTaken(place));
      if (is_taken) return to_drop_.push_back(ReadKey(row)), Status();
    }
    const bool has_terms = HasReadableTerms(task);
    if (!is_whole || !has_terms || place != ReadKey(row)) to_rewrite_.push_back(ReadKey(row));
    mended_.without_terms += !has_terms;
    mended_.damaged += task.payload_sha256 == Sha256{};
    ++mended_.kept[task.image.queue];
    return {};
  }

  // Of a damaged row the key, and with it the lane, is still what it was, or it would not have been
  // found among its neighbours.
  bool Read(const Rows& row, TaskRow* task, bool* is_whole) {
    *is_whole = ReadRow(row, table, task).ok();
    if (*is_whole) return true;
    if (!ReadRowOrDamage(row, table, task)) return false;
    if (!kWaits) {
      task->image.id = {row.As<uint64_t>(0)};
      return true;
    }
    const int64_t place = ReadKey(row);
    task->image.id = TaskId::Of(kShard, static_cast<uint64_t>(place) & TaskId::kMaxSequence);
    const auto lane = lanes_.find(LaneOf(place));
    if (lane == lanes_.end()) return true;
    task->image.queue = lane->second.queue;
    task->image.type = lane->second.type;
    task->image.priority = RankOf(lane->second.rank);
    return true;
  }

  bool MakesSense(const TaskRow& task) const {
    const TaskImage& image = task.image;
    const auto is_number = [](int64_t n) { return n >= 1 && n <= kNumberedMax; };
    return image.id.shard() == kShard && is_number(image.queue) && is_number(image.type) &&
           image.max_attempts >= 1 && image.priority <= 9 && TaskStateName(image.state) &&
           IsTerminal(image.state) != kWaits && (kWaits || image.ordinal >= 1) &&
           (image.state != TaskState::kRunning || task.holder) && (!is_known_ || is_known_(image));
  }

  Result<int64_t> PlaceOf(const TaskRow& task) {
    if (!kWaits) return static_cast<int64_t>(task.image.id.packed);
    TREADLE_ASSIGN_OR_RETURN(const int64_t lane, maker_.Of(LaneKey::Of(task.image)));
    return PlaceIn(lane, task.image.id);
  }

  // By the row that is there, or by one that goes there: of two that claim to be the same task, one
  // does not say what was written.
  Result<bool> IsTaken(int64_t place) {
    if (!promised_.insert(place).second) return true;
    Rows rows = whole_.Query(place);
    const bool is_there = rows.Next();
    TREADLE_RETURN_IF_ERROR(rows.status());
    return is_there;
  }

  Status Rewrite(int64_t key) {
    TREADLE_ASSIGN_OR_RETURN(const int64_t place, RewriteAt(key));
    return place == key ? Status() : Delete(key);
  }

  // Its current key.
  Result<int64_t> RewriteAt(int64_t key) {
    Rows rows = whole_.Query(key);
    const bool is_there = rows.Next();
    TREADLE_RETURN_IF_ERROR(rows.status());
    TREADLE_CHECK(is_there);  // nobody else writes here
    TaskRow task;
    bool is_whole = false;
    Read(rows, &task, &is_whole);
    if (!HasReadableTerms(task)) DropTerms(&task);
    TREADLE_ASSIGN_OR_RETURN(const int64_t place, PlaceOf(task));
    TREADLE_RETURN_IF_ERROR(
        inserter_.Insert(task, place, ReadResult(rows, table), ReadPayload(rows, table)));
    return place;
  }

  Status Delete(int64_t key) { return delete_.Run(key); }

  Connection* db_;
  const std::function<bool(const TaskImage&)>& is_known_;
  LaneMaker maker_;
  std::map<int64_t, LaneKey> lanes_;
  TaskInserter<table> inserter_;
  Statement whole_{db_, Select(std::string(" WHERE ") + KeyOf(table) + " = ?1")};
  Statement delete_{
      db_, std::string("DELETE FROM ") + NameOf(table) + " WHERE " + KeyOf(table) + " = ?1"};
  std::set<int64_t> promised_;  // places to which rows go
  std::vector<int64_t> to_drop_;
  std::vector<int64_t> to_rewrite_;
  MendedTasks mended_;
};

}  // namespace

Result<MendedTasks> MendTasks(Connection* db, TaskTable table,
                              const std::function<bool(const TaskImage&)>& is_known) {
  return table == TaskTable::kLive ? Mender<TaskTable::kLive>(db, is_known).Run()
                                   : Mender<TaskTable::kDone>(db, is_known).Run();
}

std::string TermsAreLost(uint64_t tasks) {
  return "the terms of " + std::to_string(tasks) +
         " tasks are lost (their deadlines, times to live, retry policies)";
}

}  // namespace treadle
