// MendStore(): a salvaged store file made one that opens.

#include <algorithm>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "engine/effects.h"
#include "store/sqlite/find_index.h"
#include "store/sqlite/repair/salvage_sql.h"
#include "store/sqlite/repair/store_salvage.h"
#include "store/sqlite/repair/task_mending.h"
#include "store/sqlite/row_digest.h"
#include "store/sqlite/sqlite_store.h"

namespace treadle {
namespace {

// Of a task's id, or a place.
const std::string kSequence = std::to_string(TaskId::kMaxSequence);

/// Repairs a whole file with holes in its contents.
class Mending {
 public:
  Mending(SqliteStore* store, Connection* db, const StoreSalvage& salvage)
      : store_(store), db_(db), salvage_(salvage) {}

  Result<std::vector<std::string>> Run() {
    TREADLE_RETURN_IF_ERROR(FillIn("queue", salvage_.has_all_queues, salvage_.queue_names));
    TREADLE_RETURN_IF_ERROR(FillIn("type", salvage_.has_all_types, salvage_.type_names));
    TREADLE_RETURN_IF_ERROR(MendPolicies("queue"));
    TREADLE_RETURN_IF_ERROR(MendPolicies("type"));
    TREADLE_RETURN_IF_ERROR(store_->Write(changes_));
    TREADLE_RETURN_IF_ERROR(DropSenselessCounters());
    TREADLE_RETURN_IF_ERROR(MendTaskRows());
    TREADLE_RETURN_IF_ERROR(DropOrphans());
    TREADLE_RETURN_IF_ERROR(MendCounters());
    TREADLE_RETURN_IF_ERROR(SettleAccounts());
    TREADLE_RETURN_IF_ERROR(RebuildIndex());
    return std::move(told_);
  }

 private:
  // Every number up to the highest has a row; tasks refer to more only if rows are lost.
  Status FillIn(const std::string& table, bool has_all,
                const std::map<uint32_t, std::string>& names) {
    const std::string bound = " BETWEEN 1 AND " + std::to_string(kNumberedMax);
    const size_t told = told_.size();
    TREADLE_RETURN_IF_ERROR(
        Drop(table, "id NOT" + bound, table + "s have implausible numbers and are dropped"));
    has_all = has_all && told_.size() == told;
    std::string numbers = "SELECT id AS n FROM " + table + " WHERE id" + bound;
    for (const char* const tasks : {"lane", "done"})
      if (!has_all)
        numbers += " UNION SELECT " + table + " FROM " + tasks + " WHERE " + table + bound;
    TREADLE_ASSIGN_OR_RETURN(int64_t highest,
                             SelectNumber(db_, "SELECT max(n) FROM (" + numbers + ")"));
    if (!names.empty()) highest = std::max<int64_t>(highest, names.rbegin()->first);
    Statement has(db_, "SELECT count(*) FROM " + table + " WHERE id = ?1");
    for (uint32_t id = 1; id <= std::min(highest, kNumberedMax); ++id) {
      Rows rows = has.Query(id);
      if (rows.Next() && rows.Int(0) == 1) continue;
      TREADLE_RETURN_IF_ERROR(rows.status());
      const auto known = names.find(id);
      AddPlaceholder(
          table, id,
          known != names.end() ? known->second : "lost-" + table + "-" + std::to_string(id));
    }
    return {};
  }

  void AddPlaceholder(const std::string& table, uint32_t id, std::string name) {
    if (table == "queue") {
      told_.push_back("the policy of queue " + name + " is lost and replaced by the default");
      changes_.queues.push_back({.id = id, .name = std::move(name)});
    } else {
      if (name.starts_with("lost-type-"))
        told_.push_back("the name of task type " + std::to_string(id) +
                        " is lost; it is now called " + name);
      else
        told_.push_back("the policy of task type " + name +
                        " is lost, so the type has no policy of its own");
      changes_.types.push_back({.id = id, .name = std::move(name)});
    }
  }

  Status MendPolicies(const std::string& table) {
    Statement statement(db_, "SELECT id, name, policy FROM " + table);
    Rows rows = statement.Query();
    while (rows.Next()) {
      ByteReader policy(rows.Bytes(2));
      table == "queue" ? (void)DecodePolicy(&policy) : (void)DecodeTypePolicy(&policy);
      if (policy.failed()) AddPlaceholder(table, rows.As<uint32_t>(0), rows.String(1));
    }
    return rows.status();
  }

  Status Drop(const std::string& table, const std::string& where, const std::string& what) {
    TREADLE_RETURN_IF_ERROR(db_->Execute("DELETE FROM " + table + " WHERE " + where));
    if (const int64_t dropped = db_->changes(); dropped > 0)
      told_.push_back(std::to_string(dropped) + " " + what);
    return {};
  }

  Status DropSenselessCounters() {
    std::string counters = "queue NOT IN (SELECT id FROM queue)";
    for (const TaskState state : kTaskStates) {
      if (!IsTerminal(state)) continue;
      const std::string name(*TaskStateName(state));
      counters += " OR NOT (" + name + "_from > 0 AND " + name + "_next - " + name +
                  "_from BETWEEN 0 AND 1 << 30)";
    }
    return Drop("counters", counters, "counters of queues are implausible and dropped");
  }

  // A task of a queue or a type that nobody knows is one of which recovery, or the engine, could
  // make nothing.
  Status MendTaskRows() {
    TREADLE_ASSIGN_OR_RETURN(const std::set<int64_t> queues, IdsOf("queue"));
    TREADLE_ASSIGN_OR_RETURN(const std::set<int64_t> types, IdsOf("type"));
    const auto is_known = [&](const TaskImage& image) {
      return queues.contains(image.queue) && types.contains(image.type);
    };
    TREADLE_RETURN_IF_ERROR(
        Drop("live", "(place & " + kSequence + ") IN (SELECT id & " + kSequence + " FROM done)",
             "tasks were both waiting and ended; they count as ended"));
    TREADLE_ASSIGN_OR_RETURN(const MendedTasks live, MendTasks(db_, TaskTable::kLive, is_known));
    TREADLE_ASSIGN_OR_RETURN(const MendedTasks done, MendTasks(db_, TaskTable::kDone, is_known));
    Tell(live, "waiting");
    Tell(done, "ended");
    // Those that salvage marked and the journal did not bring back.
    if (const uint64_t damaged = live.damaged + done.damaged; damaged > 0)
      told_.push_back(std::to_string(damaged) +
                      " tasks are damaged: they are kept but cannot run again");
    return CountWaiting(live);
  }

  Result<std::set<int64_t>> IdsOf(const std::string& table) {
    std::set<int64_t> ids;
    Statement statement(db_, "SELECT id FROM " + table);
    Rows rows = statement.Query();
    while (rows.Next()) ids.insert(rows.Int(0));
    TREADLE_RETURN_IF_ERROR(rows.status());
    return ids;
  }

  void Tell(const MendedTasks& mended, const std::string& what) {
    if (mended.dropped > 0)
      told_.push_back(std::to_string(mended.dropped) + " " + what +
                      " tasks are implausible and dropped");
    if (mended.without_terms > 0) told_.push_back(TermsAreLost(mended.without_terms));
  }

  // The table `live` does not show it: tasks of many queues may share a lane.
  Status CountWaiting(const MendedTasks& live) {
    TREADLE_RETURN_IF_ERROR(
        db_->Execute("CREATE TEMP TABLE waiting (queue INTEGER PRIMARY KEY, tasks INTEGER)"));
    Statement put(db_, "INSERT INTO waiting VALUES (?1, ?2)");
    for (const auto& [queue, tasks] : live.kept) TREADLE_RETURN_IF_ERROR(put.Run(queue, tasks));
    return {};
  }

  static std::string WaitingOf(const std::string& queue) {
    return "ifnull((SELECT tasks FROM waiting WHERE waiting.queue = " + queue + "), 0)";
  }

  Status DropOrphans() {
    const std::string tasks =
        "(SELECT (1 << 48) | (place & " + kSequence + ") FROM live UNION ALL SELECT id FROM done)";
    for (const char* const table : {"attempt", "saved", "log"})
      TREADLE_RETURN_IF_ERROR(
          Drop(table, "task NOT IN " + tasks,
               std::string("rows of ") + table + " belong to no task and are dropped"));
    return {};
  }

  // Of the damaged file nothing was taken over: all of it follows from the rows.
  Status RebuildIndex() {
    Transaction transaction(db_);
    TREADLE_RETURN_IF_ERROR(transaction.Begin(Transaction::Kind::kWrite));
    TREADLE_RETURN_IF_ERROR(FindIndex(db_).Rebuild());
    return transaction.Commit();
  }

  // A queue whose counters are lost gets those that its tasks imply.
  Status MendCounters() {
    Statement statement(
        db_, "SELECT id, " + WaitingOf("q.id") +
                 " + (SELECT count(*) FROM done WHERE queue = q.id) AS tasks"
                 " FROM queue q WHERE id NOT IN (SELECT queue FROM counters) AND tasks > 0");
    StoreChanges changes;
    {
      Rows rows = statement.Query();
      while (rows.Next())
        changes.counters.push_back(
            {.queue = rows.As<QueueId>(0), .accepted = rows.As<uint64_t>(1)});
      TREADLE_RETURN_IF_ERROR(rows.status());
    }
    for (CountersAreNow& counters : changes.counters) {
      for (const TaskState state : kTaskStates)
        if (IsTerminal(state))
          TREADLE_RETURN_IF_ERROR(ReadOrdinals(counters.queue, state, &counters.of(state)));
    }
    if (const size_t made = changes.counters.size(); made > 0)
      told_.push_back("the counters of " + std::to_string(made) +
                      " queues are lost; they are counted again from the existing tasks");
    TREADLE_RETURN_IF_ERROR(store_->Write(changes));
    std::string outside = "0";
    for (const TaskState state : kTaskStates)
      if (IsTerminal(state)) outside += " OR " + OutsideItsCounters(state);
    TREADLE_RETURN_IF_ERROR(Drop("done", outside, "ended tasks are implausible and dropped"));
    return DropUsurpers();
  }

  // Of those that claim the same place, the one that is whole stays, or the oldest.
  Status DropUsurpers() {
    const std::string is_damaged = ".image, " + std::to_string(kRowSha256.at + 1) + ", " +
                                   std::to_string(kRowSha256.size) + ") = zeroblob(32)";
    return Drop("done",
                "EXISTS (SELECT 1 FROM done d WHERE d.queue = done.queue AND d.state = done.state"
                " AND d.ordinal = done.ordinal AND d.id <> done.id AND (substr(done" +
                    is_damaged + ", done.id) > (substr(d" + is_damaged + ", d.id))",
                "ended tasks are in the place of others and are dropped");
  }

  static std::string OutsideItsCounters(TaskState state) {
    const std::string name(*TaskStateName(state));  // also that of its columns
    const std::string counters = " FROM counters c WHERE c.queue = done.queue)";
    return "(state = " + std::to_string(static_cast<int>(state)) +
           " AND ordinal NOT BETWEEN (SELECT " + name + "_from" + counters + " AND (SELECT " +
           name + "_next - 1" + counters + ")";
  }

  // From the oldest to one behind the newest of what is kept.
  Status ReadOrdinals(QueueId queue, TaskState state, EndedRange* range) {
    Statement statement(db_,
                        "SELECT ifnull(min(ordinal), 1), ifnull(max(ordinal), 0) + 1 FROM done"
                        " WHERE queue = ?1 AND state = ?2");
    Rows rows = statement.Query(queue, static_cast<uint8_t>(state));
    if (rows.Next()) {
      range->from = rows.As<uint64_t>(0);
      range->next = rows.As<uint64_t>(1);
    }
    return rows.status();
  }

  // The counters say how many there were: accepted, less those that were removed. From now on they
  // speak of those that are left.
  Status SettleAccounts() {
    const std::string known =
        "removed_retention + removed_deleted + removed_moved + removed_replaced"
        " + " +
        WaitingOf("counters.queue") +
        " + (SELECT count(*) FROM done WHERE done.queue = counters.queue)";
    {
      Statement statement(db_, "SELECT name, accepted - (" + known +
                                   ") FROM counters JOIN queue ON queue.id = counters.queue");
      Rows rows = statement.Query();
      while (rows.Next())
        if (rows.Int(1) > 0)
          told_.push_back(std::to_string(rows.Int(1)) + " tasks of queue " + rows.String(0) +
                          " are lost: its counters name that many more than exist");
      TREADLE_RETURN_IF_ERROR(rows.status());
    }
    return db_->Execute(UpdateRow("counters", {{"accepted", known}}) + " WHERE accepted <> " +
                        known);
  }

  SqliteStore* store_;
  Connection* db_;
  const StoreSalvage& salvage_;
  StoreChanges changes_;
  std::vector<std::string> told_;
};

}  // namespace

Result<std::vector<std::string>> MendStore(const std::string& path, uint64_t identity,
                                           const StoreSalvage& salvage) {
  TREADLE_ASSIGN_OR_RETURN(const auto store,
                           SqliteStore::Open({.path = path, .identity = identity, .vfs = ""}));
  TREADLE_ASSIGN_OR_RETURN(const auto db, Connection::Open(path, ""));
  TREADLE_RETURN_IF_ERROR(AddRowDigest(db.get()));
  return Mending(store.get(), db.get(), salvage).Run();
}

}  // namespace treadle
