#include "store/store_salvage.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "base/bytes.h"
#include "engine/effects.h"
#include "store/find_index.h"
#include "store/row_copier.h"
#include "store/schema.h"
#include "store/sqlite_store.h"

namespace treadle {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
// More queues, or types, than anybody has: a row that says so is damaged.
constexpr int64_t kNumberMax = 65'536;

Result<int64_t> Number(Connection* db, const std::string& sql) {
  Statement statement(db, sql);
  Rows rows = statement.Query();
  const int64_t number = rows.Next() ? rows.Int(0) : 0;
  TREADLE_RETURN_IF_ERROR(rows.status());
  return number;
}

Status CheckIsOurs(Connection* db) {
  TREADLE_ASSIGN_OR_RETURN(const int64_t application, Number(db, "PRAGMA application_id"));
  TREADLE_ASSIGN_OR_RETURN(const int64_t version, Number(db, "PRAGMA user_version"));
  TREADLE_ASSIGN_OR_RETURN(const int64_t tables, Number(db, "SELECT count(*) FROM sqlite_schema"));
  if (application == 0 && version == 0 && tables == 0)
    return {Code::kDataLoss, db->path() + " is empty"};
  if (application != kStoreApplicationId)
    return {Code::kFailedPrecondition, db->path() + " is a SQLite file of another program"};
  if (version != kStoreVersion)
    return {Code::kFailedPrecondition, db->path() + " is of format " + std::to_string(version) +
                                           ", and this Treadle repairs " +
                                           std::to_string(kStoreVersion) +
                                           "; use the Treadle that wrote it"};
  return {};
}

// Opens the damaged file so that SQLite notices as much as it can, and leaves it as it is. A
// writable schema is how SQLite is told to go on where the file is shorter than it should be.
Result<std::unique_ptr<Connection>> OpenDamaged(const std::string& path) {
  TREADLE_ASSIGN_OR_RETURN(std::unique_ptr<Connection> db, Connection::Open(path, ""));
  db->set_tidy_on_close(false);
  TREADLE_RETURN_IF_ERROR(
      db->Execute("PRAGMA writable_schema = ON; PRAGMA cell_size_check = ON;"
                  "PRAGMA trusted_schema = OFF"));
  return db;
}

/// One salvage: the two files, and what is told of it.
class Salvage {
 public:
  Salvage(Connection* from, Connection* to) : from_(from), to_(to) {}

  Result<StoreSalvage> Run() {
    Transaction transaction(to_);
    TREADLE_RETURN_IF_ERROR(transaction.Begin(Transaction::Kind::kWrite));
    TREADLE_RETURN_IF_ERROR(CopyMeta());
    TREADLE_ASSIGN_OR_RETURN(said_.has_all_queues, CopyNumbered("queue", "id", "queues"));
    TREADLE_ASSIGN_OR_RETURN(said_.has_all_types, CopyNumbered("type", "id", "task types"));
    TREADLE_RETURN_IF_ERROR(CopyNumbered("counters", "queue", "counters of queues").status());
    TREADLE_RETURN_IF_ERROR(CopyKeys());
    TREADLE_RETURN_IF_ERROR(CopyLive());
    TREADLE_RETURN_IF_ERROR(CopyNumbered("done", "id", "ended tasks").status());
    TREADLE_RETURN_IF_ERROR(CopyTrails("attempt", "attempts"));
    TREADLE_RETURN_IF_ERROR(CopyTrails("saved", "steps and checkpoints"));
    TREADLE_RETURN_IF_ERROR(CopyTrails("log", "lines of logs"));
    if (!said_.has_all_queues) said_.queue_names = NamesOf("queue");
    if (!said_.has_all_types) said_.type_names = NamesOf("type");
    TREADLE_RETURN_IF_ERROR(transaction.Commit());
    return std::move(said_);
  }

 private:
  Status CopyMeta() {
    RowCopier copier(from_, to_, "meta");
    TREADLE_ASSIGN_OR_RETURN(const bool complete, copier.CopyEnds("", "key"));
    TREADLE_ASSIGN_OR_RETURN(const int64_t keys, Number(to_, "SELECT count(*) FROM meta"));
    if (!complete && keys < 6) said_.losses.emplace_back("the store's own numbers cannot be read");
    if (complete || keys == 6) said_.meta.emplace();  // filled in by the caller
    return {};
  }

  void Tell(const RowCopier& copier, const std::string& what) {
    if (copier.has_gaps())
      said_.losses.push_back("some " + what + " of the store cannot be read; " +
                             std::to_string(copier.copied()) + " can");
    if (copier.without_payload() > 0)
      said_.losses.push_back("the payloads of " + std::to_string(copier.without_payload()) + " " +
                             what + " cannot be read");
    if (copier.refused() > 0)
      said_.losses.push_back(std::to_string(copier.refused()) + " rows of " + what +
                             " make no sense and are dropped");
  }

  // True: all of them are there.
  Result<bool> CopyNumbered(const std::string& table, const std::string& key,
                            const std::string& what) {
    RowCopier copier(from_, to_, table);
    TREADLE_RETURN_IF_ERROR(copier.CopyRange("", key, kMin, kMax));
    Tell(copier, what);
    return !copier.has_gaps() && copier.refused() == 0;
  }

  // From both ends, and then task by task: of a task in whose rows there is a hole, a part.
  Status CopyTrails(const std::string& table, const std::string& what) {
    RowCopier copier(from_, to_, table);
    TREADLE_ASSIGN_OR_RETURN(const bool all, copier.CopyEnds("", "task"));
    if (all) return {};
    TREADLE_RETURN_IF_ERROR(copier.CopyRange("", "task", kMin, kMax));
    said_.losses.push_back("some " + what + " of the store cannot be read; " +
                           std::to_string(copier.copied()) + " can");
    return {};
  }

  // Keys are evenly spread: by their first byte.
  Status CopyKeys() {
    RowCopier copier(from_, to_, "idempotency");
    TREADLE_ASSIGN_OR_RETURN(const bool all, copier.CopyEnds("", "key"));
    if (all) return {};
    constexpr char kHex[] = "0123456789abcdef";
    for (int i = 0; i < 256; ++i) {
      const auto prefix = [&](int byte) {
        return std::string("x'") + kHex[byte / 16] + kHex[byte % 16] + "'";
      };
      const std::string end = i == 255 ? "" : " AND key < " + prefix(i + 1);
      TREADLE_RETURN_IF_ERROR(copier.CopyEnds("key >= " + prefix(i) + end, "key").status());
    }
    said_.losses.push_back("some idempotency keys cannot be read; " +
                           std::to_string(copier.copied()) +
                           " can: a producer that repeats an enqueue may make a second task");
    return {};
  }

  // From both ends; what lies between, lane by lane.
  Status CopyLive() {
    RowCopier copier(from_, to_, "live");
    TREADLE_ASSIGN_OR_RETURN(const bool all, copier.CopyEnds("", "queue, type, rank, id"));
    if (!all) {
      TREADLE_ASSIGN_OR_RETURN(const int64_t queues, Highest("queue"));
      TREADLE_ASSIGN_OR_RETURN(const int64_t types, Highest("type"));
      for (int64_t queue = 1; queue <= queues; ++queue)
        for (int64_t type = 1; type <= types; ++type)
          for (int rank = 0; rank <= 9; ++rank)
            TREADLE_RETURN_IF_ERROR(copier.CopyRange("queue = " + std::to_string(queue) +
                                                         " AND type = " + std::to_string(type) +
                                                         " AND rank = " + std::to_string(rank),
                                                     "id", kMin, kMax));
    }
    Tell(copier, "waiting tasks");
    return {};
  }

  // Of the numbers of queues, or types, that anything in the new file speaks of.
  Result<int64_t> Highest(const std::string& table) {
    const std::string bound = " BETWEEN 1 AND " + std::to_string(kNumberMax);
    return Number(to_, "SELECT max(n) FROM (SELECT id AS n FROM " + table + " WHERE id" + bound +
                           " UNION SELECT " + table + " FROM live WHERE " + table + bound +
                           " UNION SELECT " + table + " FROM done WHERE " + table + bound + ")");
  }

  // From the index over the names, which is a tree of its own.
  std::map<uint32_t, std::string> NamesOf(const std::string& table) {
    std::map<uint32_t, std::string> names;
    for (const char* const order : {"name", "name DESC"}) {
      Statement statement(from_, "SELECT id, name FROM " + table + " ORDER BY " + order);
      Rows rows = statement.Query();
      while (rows.Next()) names.emplace(rows.As<uint32_t>(0), rows.String(1));
    }
    return names;
  }

  Connection* from_;
  Connection* to_;
  StoreSalvage said_;
};

// The numbers of the states that are, or are not, terminal: "(1, 2)".
std::string States(bool terminal) {
  std::string list;
  for (const TaskState state : kTaskStates)
    if (IsTerminal(state) == terminal)
      list += (list.empty() ? "(" : ", ") + std::to_string(static_cast<int>(state));
  return list + ")";
}

/// One mending of a whole file with holes in what it holds.
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
    for (const char* const table : {"live", "done"}) TREADLE_RETURN_IF_ERROR(MendTerms(table));
    TREADLE_RETURN_IF_ERROR(DropSenseless());
    TREADLE_RETURN_IF_ERROR(MendCounters());
    TREADLE_RETURN_IF_ERROR(CountMissing());
    TREADLE_RETURN_IF_ERROR(RebuildIndex());
    return std::move(told_);
  }

 private:
  // Every number up to the highest has a row; tasks speak of more only if rows are lost.
  Status FillIn(const std::string& table, bool has_all,
                const std::map<uint32_t, std::string>& names) {
    const std::string bound = " BETWEEN 1 AND " + std::to_string(kNumberMax);
    std::string numbers = "SELECT id AS n FROM " + table + " WHERE id" + bound;
    for (const char* const tasks : {"live", "done"})
      if (!has_all)
        numbers += " UNION SELECT " + table + " FROM " + tasks + " WHERE " + table + bound;
    TREADLE_ASSIGN_OR_RETURN(int64_t highest, Number(db_, "SELECT max(n) FROM (" + numbers + ")"));
    if (!names.empty()) highest = std::max<int64_t>(highest, names.rbegin()->first);
    Statement has(db_, "SELECT count(*) FROM " + table + " WHERE id = ?1");
    for (uint32_t id = 1; id <= std::min(highest, kNumberMax); ++id) {
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
      told_.push_back("the policy of queue " + name + " is lost; it has the default one");
      changes_.queues.push_back({.id = id, .name = std::move(name)});
    } else {
      if (name.starts_with("lost-type-"))
        told_.push_back("the name of task type " + std::to_string(id) + " is lost; it is " + name);
      else
        told_.push_back("the policy of task type " + name + " is lost; it has none of its own");
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

  // A task whose terms are lost goes on without; if it has none, it does not say that it had.
  Status MendTerms(const std::string& table) {
    std::string damaged;
    size_t count = 0;
    {
      Statement statement(db_, "SELECT id, terms FROM " + table + " WHERE flags & 4 <> 0");
      Rows rows = statement.Query();
      while (rows.Next()) {
        ByteReader terms(rows.Bytes(1));
        (void)DecodeTerms(&terms);
        if (!terms.failed()) continue;
        damaged += (damaged.empty() ? "" : ", ") + std::to_string(rows.Int(0));
        ++count;
      }
      TREADLE_RETURN_IF_ERROR(rows.status());
    }
    if (count == 0) return {};
    told_.push_back("the terms of " + std::to_string(count) +
                    " tasks are lost (their deadlines, times to live, retry policies)");
    return db_->Execute("UPDATE " + table + " SET terms = NULL, flags = flags & ~4 WHERE id IN (" +
                        damaged + ")");
  }

  Status Drop(const std::string& table, const std::string& where, const std::string& what) {
    TREADLE_RETURN_IF_ERROR(db_->Execute("DELETE FROM " + table + " WHERE " + where));
    if (const int64_t dropped = db_->changes(); dropped > 0)
      told_.push_back(std::to_string(dropped) + " " + what);
    return {};
  }

  // What recovery, or the engine, could make nothing of.
  Status DropSenseless() {
    const std::string place =
        "queue NOT IN (SELECT id FROM queue) OR type NOT IN (SELECT id FROM type)"
        " OR rank NOT BETWEEN 0 AND 9 OR id < (1 << 48) OR id >= (2 << 48)"
        " OR max_attempts NOT BETWEEN 1 AND 65535 OR unspent NOT BETWEEN 0 AND attempt"
        " OR attempt NOT BETWEEN 0 AND 4294967295 OR length(payload_sha256) <> 32";
    const std::string senseless = " make no sense and are dropped";
    std::string counters = "queue NOT IN (SELECT id FROM queue)";
    for (const TaskState state : kTaskStates) {
      if (!IsTerminal(state)) continue;
      const std::string name(*TaskStateName(state));
      counters += " OR NOT (" + name + "_from > 0 AND " + name + "_next - " + name +
                  "_from BETWEEN 0 AND 1 << 30)";
    }
    TREADLE_RETURN_IF_ERROR(Drop("counters", counters, "counters of queues" + senseless));
    TREADLE_RETURN_IF_ERROR(Drop(
        "live", place + " OR state NOT IN " + States(false) + " OR (state = 3 AND worker IS NULL)",
        "waiting tasks" + senseless));
    TREADLE_RETURN_IF_ERROR(Drop("done",
                                 place + " OR state NOT IN " + States(true) + " OR ordinal < 1",
                                 "ended tasks" + senseless));
    TREADLE_RETURN_IF_ERROR(Drop("live", "id IN (SELECT id FROM done)",
                                 "tasks were both waiting and ended; they have ended"));
    for (const char* const table : {"attempt", "saved", "log"})
      TREADLE_RETURN_IF_ERROR(
          Drop(table, "task NOT IN (SELECT id FROM live UNION ALL SELECT id FROM done)",
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

  // A queue whose counters are lost gets those that its tasks speak of.
  Status MendCounters() {
    Statement statement(db_,
                        "SELECT id, (SELECT count(*) FROM live WHERE queue = q.id)"
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
                      " queues are lost; they count anew from what is there");
    TREADLE_RETURN_IF_ERROR(store_->Write(changes));
    std::string outside = "0";
    for (const TaskState state : kTaskStates)
      if (IsTerminal(state)) outside += " OR " + OutsideItsCounters(state);
    return Drop("done", outside, "ended tasks make no sense and are dropped");
  }

  static std::string OutsideItsCounters(TaskState state) {
    const std::string name(*TaskStateName(state));  // that of its columns, too
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

  // The counters say how many there were: accepted, less those that were removed.
  Status CountMissing() {
    Statement statement(db_,
                        "SELECT q.name, c.accepted - c.removed_retention - c.removed_deleted"
                        " - c.removed_moved - c.removed_replaced"
                        " - (SELECT count(*) FROM live WHERE queue = q.id)"
                        " - (SELECT count(*) FROM done WHERE queue = q.id)"
                        " FROM counters c JOIN queue q ON q.id = c.queue");
    Rows rows = statement.Query();
    while (rows.Next()) {
      if (rows.Int(1) > 0)
        told_.push_back(std::to_string(rows.Int(1)) + " tasks of queue " + rows.String(0) +
                        " are lost: its counters speak of so many more than there are");
    }
    return rows.status();
  }

  SqliteStore* store_;
  Connection* db_;
  const StoreSalvage& salvage_;
  StoreChanges changes_;
  std::vector<std::string> told_;
};

}  // namespace

Result<StoreMarks> ReadStoreMarks(const std::string& path) {
  StoreMarks marks;
  TREADLE_ASSIGN_OR_RETURN(const auto db, OpenDamaged(path));
  TREADLE_RETURN_IF_ERROR(CheckIsOurs(db.get()));
  Statement statement(db.get(), "SELECT value FROM meta WHERE key = 'identity'");
  Rows rows = statement.Query();
  const std::string text = rows.Next() ? rows.String(0) : "";
  TREADLE_RETURN_IF_ERROR(rows.status());
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, marks.identity, 16);
  if (text.size() != 16 || parsed.ptr != end)
    return Status(Code::kDataLoss, path + " has a damaged identity");
  TREADLE_ASSIGN_OR_RETURN(marks.meta, ReadMetaOf(db.get()));
  return marks;
}

bool CanSalvageStore(const std::string& path) {
  const auto db = OpenDamaged(path);
  return db.ok() && CheckIsOurs(db->get()).ok();
}

Result<StoreSalvage> SalvageStore(const std::string& from, const std::string& to,
                                  uint64_t identity) {
  TREADLE_ASSIGN_OR_RETURN(const auto store,
                           SqliteStore::Open({.path = to, .identity = identity, .vfs = ""}));
  TREADLE_ASSIGN_OR_RETURN(const auto target, Connection::Open(to, ""));
  TREADLE_ASSIGN_OR_RETURN(const auto source, OpenDamaged(from));
  TREADLE_RETURN_IF_ERROR(CheckIsOurs(source.get()));
  TREADLE_ASSIGN_OR_RETURN(StoreSalvage salvage, Salvage(source.get(), target.get()).Run());
  if (salvage.meta) {
    TREADLE_ASSIGN_OR_RETURN(*salvage.meta, store->ReadMeta());
  }
  return salvage;
}

Result<std::vector<std::string>> MendStore(const std::string& path, uint64_t identity,
                                           const StoreSalvage& salvage) {
  TREADLE_ASSIGN_OR_RETURN(const auto store,
                           SqliteStore::Open({.path = path, .identity = identity, .vfs = ""}));
  TREADLE_ASSIGN_OR_RETURN(const auto db, Connection::Open(path, ""));
  return Mending(store.get(), db.get(), salvage).Run();
}

}  // namespace treadle
