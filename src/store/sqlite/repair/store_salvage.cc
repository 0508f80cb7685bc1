#include "store/sqlite/repair/store_salvage.h"

#include <charconv>
#include <limits>
#include <utility>

#include "store/sqlite/repair/row_copier.h"
#include "store/sqlite/repair/salvage_sql.h"
#include "store/sqlite/repair/task_mending.h"
#include "store/sqlite/row_digest.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sqlite_store.h"

namespace treadle {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMetaKeys = 7;  // of a store that was written to

Status CheckIsOurs(Connection* db) {
  TREADLE_ASSIGN_OR_RETURN(const int64_t application, SelectNumber(db, "PRAGMA application_id"));
  TREADLE_ASSIGN_OR_RETURN(const int64_t version, SelectNumber(db, "PRAGMA user_version"));
  TREADLE_ASSIGN_OR_RETURN(const int64_t tables,
                           SelectNumber(db, "SELECT count(*) FROM sqlite_schema"));
  if (application == 0 && version == 0 && tables == 0)
    return {Code::kDataLoss, db->path() + " is empty"};
  if (application != kStoreApplicationId)
    return {Code::kFailedPrecondition, db->path() + " is a SQLite file of another program"};
  if (version != kStoreVersion)
    return {Code::kFailedPrecondition, db->path() + " is of format " + std::to_string(version) +
                                           ", but this Treadle repairs " +
                                           std::to_string(kStoreVersion) +
                                           "; use the Treadle that wrote it"};
  return {};
}

// Opens the damaged file so that SQLite notices as much as it can, and leaves it as it is. A
// writable schema makes SQLite continue where the file is shorter than it should be.
Result<std::unique_ptr<Connection>> OpenDamaged(const std::string& path) {
  TREADLE_ASSIGN_OR_RETURN(std::unique_ptr<Connection> db, Connection::Open(path, ""));
  db->set_tidy_on_close(false);
  TREADLE_RETURN_IF_ERROR(
      db->Execute("PRAGMA writable_schema = ON; PRAGMA cell_size_check = ON;"
                  "PRAGMA trusted_schema = OFF"));
  return db;
}

/// One salvage: the two files, and what is reported.
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
    TREADLE_RETURN_IF_ERROR(CopyLanes());
    TREADLE_RETURN_IF_ERROR(CopyNumbered("live", "place", "waiting tasks").status());
    TREADLE_RETURN_IF_ERROR(CopyNumbered("done", "id", "ended tasks").status());
    TREADLE_RETURN_IF_ERROR(CopyTrails("attempt", "attempts"));
    TREADLE_RETURN_IF_ERROR(CopyTrails("saved", "steps and checkpoints"));
    TREADLE_RETURN_IF_ERROR(CopyTrails("log", "lines of logs"));
    TREADLE_RETURN_IF_ERROR(SettleDamagedRows());
    if (!said_.has_all_queues) said_.queue_names = NamesOf("queue");
    if (!said_.has_all_types) said_.type_names = NamesOf("type");
    TREADLE_RETURN_IF_ERROR(transaction.Commit());
    return std::move(said_);
  }

 private:
  Status CopyMeta() {
    RowCopier copier(from_, to_, "meta");
    TREADLE_ASSIGN_OR_RETURN(const bool complete, copier.CopyEnds("", "key"));
    TREADLE_ASSIGN_OR_RETURN(const int64_t keys, SelectNumber(to_, "SELECT count(*) FROM meta"));
    if (!complete && keys < kMetaKeys)
      said_.losses.emplace_back("the store's own numbers cannot be read");
    if (complete || keys == kMetaKeys) said_.meta.emplace();  // filled in by the caller
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
                             " are implausible and dropped");
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
                           " can: a producer that repeats an enqueue may create a second task");
    return {};
  }

  // A lost lane is rebuilt for its tasks.
  Status CopyLanes() {
    RowCopier copier(from_, to_, "lane");
    return copier.CopyRange("", "id", 1, kLanesMax);
  }

  // Rows that could be read, and do not say what was written. Of a task it is worth to know that it
  // was there; any other row is as good as lost.
  Status SettleDamagedRows() {
    for (const std::string_view table : DigestedTables()) {
      if (table == "live" || table == "done") continue;
      TREADLE_RETURN_IF_ERROR(to_->Execute("DELETE FROM " + std::string(table) + " WHERE NOT (" +
                                           IsSound(table) + ")"));
      const int64_t damaged = to_->changes();
      if (damaged == 0 || table == "lane") continue;
      if (table == "queue") said_.has_all_queues = false;
      if (table == "type") said_.has_all_types = false;
      if (table == "meta") said_.meta.reset();
      said_.losses.push_back(std::to_string(damaged) + " rows of table " + std::string(table) +
                             " are damaged and dropped");
    }
    for (const TaskTable table : {TaskTable::kLive, TaskTable::kDone}) {
      // The journal may bring a task back; see MendStore().
      TREADLE_ASSIGN_OR_RETURN(const MendedTasks mended, MendTasks(to_, table, nullptr));
      if (mended.without_terms > 0) said_.losses.push_back(TermsAreLost(mended.without_terms));
      if (mended.dropped > 0)
        said_.losses.push_back(std::to_string(mended.dropped) + " rows of table " + NameOf(table) +
                               " are damaged and dropped");
    }
    return {};
  }

  // From the index over the names, which is a tree of its own.
  std::map<uint32_t, std::string> NamesOf(const std::string& table) {
    std::map<uint32_t, std::string> names;
    for (const char* const order : {"name", "name DESC"}) {
      Statement statement(from_, "SELECT id, name FROM " + table + " ORDER BY " + order);
      Rows rows = statement.Query();
      while (rows.Next())
        if (rows.Int(0) >= 1 && rows.Int(0) <= kNumberedMax)
          names.emplace(rows.As<uint32_t>(0), rows.String(1));
    }
    return names;
  }

  Connection* from_;
  Connection* to_;
  StoreSalvage said_;
};

}  // namespace

Result<StoreMarks> ReadStoreMarks(const std::string& path) {
  StoreMarks marks;
  TREADLE_ASSIGN_OR_RETURN(const auto db, OpenDamaged(path));
  TREADLE_RETURN_IF_ERROR(CheckIsOurs(db.get()));
  TREADLE_RETURN_IF_ERROR(AddRowDigest(db.get()));
  Statement statement(db.get(),
                      "SELECT value FROM meta WHERE key = 'identity' AND " + IsSound("meta"));
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
  TREADLE_RETURN_IF_ERROR(AddRowDigest(target.get()));
  TREADLE_ASSIGN_OR_RETURN(const auto source, OpenDamaged(from));
  TREADLE_RETURN_IF_ERROR(CheckIsOurs(source.get()));
  TREADLE_ASSIGN_OR_RETURN(StoreSalvage salvage, Salvage(source.get(), target.get()).Run());
  if (salvage.meta) {
    TREADLE_ASSIGN_OR_RETURN(*salvage.meta, store->ReadMeta());
  }
  return salvage;
}

}  // namespace treadle
