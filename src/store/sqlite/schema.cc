#include "store/sqlite/schema.h"

#include <string_view>

#include "base/check.h"
#include "store/sqlite/expected_schema.h"
#include "store/sqlite/people_views.h"
#include "store/sqlite/repair/old_tasks.h"
#include "store/sqlite/row_digest.h"

namespace treadle {
namespace {

// In the header of a SQLite file (https://www.sqlite.org/fileformat.html).
constexpr size_t kUserVersionOffset = 60;
constexpr size_t kApplicationIdOffset = 68;

// The tables of version 4, but for those of tasks. An entry of an index ends with the row's id, so
// that lists, newest first, need no sorting.
constexpr char kTables[] = R"sql(
CREATE TABLE meta (
  key TEXT PRIMARY KEY NOT NULL,
  value ANY NOT NULL,
  digest INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE queue (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  policy BLOB NOT NULL,
  paused INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  lease_ms INTEGER NOT NULL,
  attempt_timeout_ms INTEGER NOT NULL,
  digest INTEGER NOT NULL
) STRICT;

CREATE TABLE counters (
  queue INTEGER PRIMARY KEY,
  accepted INTEGER NOT NULL,
  completed_next INTEGER NOT NULL,
  completed_from INTEGER NOT NULL,
  dead_next INTEGER NOT NULL,
  dead_from INTEGER NOT NULL,
  cancelled_next INTEGER NOT NULL,
  cancelled_from INTEGER NOT NULL,
  expired_next INTEGER NOT NULL,
  expired_from INTEGER NOT NULL,
  removed_retention INTEGER NOT NULL,
  removed_deleted INTEGER NOT NULL,
  removed_moved INTEGER NOT NULL,
  removed_replaced INTEGER NOT NULL,
  digest INTEGER NOT NULL
) STRICT;

CREATE TABLE type (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  policy BLOB NOT NULL,
  digest INTEGER NOT NULL
) STRICT;

CREATE TABLE idempotency (
  key BLOB PRIMARY KEY NOT NULL,
  request_hash INTEGER NOT NULL,
  task INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  digest INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE attempt (
  task INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  worker TEXT,
  build TEXT,
  started_at_ms INTEGER NOT NULL,
  ended_at_ms INTEGER NOT NULL,
  wait_ms INTEGER NOT NULL,
  error_code TEXT,
  error_message TEXT,
  digest INTEGER NOT NULL,
  PRIMARY KEY (task, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE log (
  task INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  offset INTEGER NOT NULL,
  text TEXT NOT NULL,
  digest INTEGER NOT NULL,
  PRIMARY KEY (task, attempt, offset)
) STRICT, WITHOUT ROWID;

CREATE TABLE saved (
  task INTEGER NOT NULL,
  name TEXT NOT NULL,
  content_type TEXT,
  value BLOB NOT NULL,
  digest INTEGER NOT NULL,
  PRIMARY KEY (task, name)
) STRICT, WITHOUT ROWID;
)sql";

constexpr char kTaskTables[] = R"sql(
CREATE TABLE lane (
  id INTEGER PRIMARY KEY,
  queue INTEGER NOT NULL,
  type INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  digest INTEGER NOT NULL,
  UNIQUE (queue, type, rank)
) STRICT;

CREATE TABLE live (
  place INTEGER PRIMARY KEY,
  state INTEGER NOT NULL,
  image BLOB NOT NULL,
  digest INTEGER NOT NULL,
  payload BLOB NOT NULL
) STRICT;

CREATE INDEX live_not_ready ON live (state) WHERE state <> 2;

CREATE TABLE done (
  id INTEGER PRIMARY KEY,
  queue INTEGER NOT NULL,
  type INTEGER NOT NULL,
  state INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  has_trail INTEGER NOT NULL,
  image BLOB NOT NULL,
  digest INTEGER NOT NULL,
  result BLOB,
  payload BLOB NOT NULL
) STRICT;

CREATE INDEX done_retention ON done (queue, state, ordinal);
CREATE INDEX done_lane ON done (queue, type, state);
CREATE INDEX done_with_trail ON done (queue, state, ordinal) WHERE has_trail;
)sql";

constexpr char kFound[] = R"sql(
CREATE VIRTUAL TABLE found USING fts5(
  queue UNINDEXED, type UNINDEXED, lane_rank UNINDEXED, body, error,
  detail = none, columnsize = 0, tokenize = 'ascii');
)sql";

constexpr std::string_view kIndexes[] = {"live_not_ready", "done_retention", "done_lane",
                                         "done_with_trail"};
Result<int64_t> NumberFrom(Connection* db, std::string sql) {
  Statement statement(db, std::move(sql));
  Rows rows = statement.Query();
  const int64_t number = rows.Next() ? rows.Int(0) : 0;
  TREADLE_RETURN_IF_ERROR(rows.status());
  return number;
}

Result<std::string> TextFrom(Connection* db, std::string sql) {
  Statement statement(db, std::move(sql));
  Rows rows = statement.Query();
  std::string text = rows.Next() ? rows.String(0) : "";
  while (rows.Next()) {
  }  // a pragma that changes the file commits with its last step
  TREADLE_RETURN_IF_ERROR(rows.status());
  return text;
}

std::string IdentityText(uint64_t identity) {
  std::string text(16, '0');
  for (size_t i = 16; i-- > 0; identity >>= 4) text[i] = "0123456789abcdef"[identity & 15];
  return text;
}

Status Refused(Connection* db, std::string_view why) {
  return {Code::kFailedPrecondition, db->path() + ": " + std::string(why)};
}

Status IsNewer(const std::string& path, int64_t version) {
  return {Code::kFailedPrecondition, path + ": was written by a newer Treadle (format " +
                                         std::to_string(version) + "; this version supports " +
                                         std::to_string(kStoreVersion) +
                                         "); use the newer version"};
}

int64_t BigEndian32(const char* bytes) {
  int64_t number = 0;
  for (int i = 0; i < 4; ++i) number = number << 8 | static_cast<uint8_t>(bytes[i]);
  return number;
}

// Where the trees of our tables and indexes begin. SQLite believes it, and from a wrong place would
// read another table, or none.
Result<int64_t> DigestOfRoots(Connection* db) {
  std::string names;
  for (const std::string_view index : kIndexes) names.append("'").append(index).append("', ");
  for (const std::string_view table : DigestedTables())
    names.append("'").append(table).append("', ");
  names.resize(names.size() - 2);
  return NumberFrom(db,
                    "SELECT row_digest(group_concat(name || ' ' || rootpage)) FROM"
                    " (SELECT name, rootpage FROM sqlite_schema WHERE name IN (" +
                        names + ") ORDER BY name)");
}

Status PutRoots(Connection* db) {
  TREADLE_ASSIGN_OR_RETURN(const int64_t digest, DigestOfRoots(db));
  Statement put(db, InsertRow("meta"));
  return put.Run("roots", digest);
}

Status PutIdentity(Connection* db, uint64_t identity) {
  Statement put(db, InsertRow("meta"));
  return put.Run("identity", std::string_view(IdentityText(identity)));
}

Status Create(Connection* db, uint64_t identity, const StoreShape& shape) {
  TREADLE_CHECK(db->in_transaction());  // a store is whole or not there
  TREADLE_RETURN_IF_ERROR(CreateSchema(db, shape));
  return PutIdentity(db, identity);
}

// Version 2 had the same tables without digests. What its rows say is taken as it is.
Status AddDigests(Connection* db) {
  TREADLE_CHECK(db->in_transaction());
  for (const std::string_view table : DigestedTables()) {
    if (table == "lane" || table == "live" || table == "done") continue;
    const std::string name(table);
    TREADLE_RETURN_IF_ERROR(db->Execute("ALTER TABLE " + name + " RENAME TO " + name + "_2"));
  }
  TREADLE_RETURN_IF_ERROR(db->Execute(kTables));
  for (const std::string_view table : DigestedTables()) {
    if (table == "lane" || table == "live" || table == "done") continue;
    const std::string old = std::string(table) + "_2";
    TREADLE_RETURN_IF_ERROR(db->Execute(InsertRowsOf(table, old) + "; DROP TABLE " + old));
  }
  return {};
}

// Versions 2 and 3 had a column for each thing that is known of a task.
Status BringForward(Connection* db, int64_t version) {
  TREADLE_CHECK(version >= kStoreVersionOldest && version < kStoreVersion);
  TREADLE_RETURN_IF_ERROR(db->Execute("DROP VIEW tasks; DROP VIEW queues"));
  if (version == 2) TREADLE_RETURN_IF_ERROR(AddDigests(db));
  TREADLE_RETURN_IF_ERROR(SetAsideOldTasks(db));
  TREADLE_RETURN_IF_ERROR(db->Execute(kTaskTables));
  TREADLE_RETURN_IF_ERROR(TakeOverOldTasks(db, /*has_digests=*/version > 2));
  TREADLE_RETURN_IF_ERROR(db->Execute(PeopleViews()));
  return CheckSchema(db);
}

// Brings a store of `version`, 0 for an empty file, forward to this one, or leaves it untouched.
Status Migrate(Connection* db, int64_t version, uint64_t identity, const StoreShape& shape) {
  Transaction transaction(db);
  TREADLE_RETURN_IF_ERROR(transaction.Begin(Transaction::Kind::kWrite));
  TREADLE_RETURN_IF_ERROR(version == 0 ? Create(db, identity, shape) : BringForward(db, version));
  TREADLE_RETURN_IF_ERROR(PutRoots(db));
  TREADLE_RETURN_IF_ERROR(
      db->Execute("PRAGMA application_id = " + std::to_string(kStoreApplicationId) +
                  "; PRAGMA user_version = " + std::to_string(kStoreVersion)));
  return transaction.Commit();
}

// The version of the store that the file holds, 0 if it is empty, or why it is not for us. Changes
// nothing.
Result<int64_t> Inspect(Connection* db, uint64_t identity) {
  const Result<int64_t> application = NumberFrom(db, "PRAGMA application_id");
  if (!application.ok() && sqlite3_errcode(db->handle()) == SQLITE_NOTADB)
    return Refused(
        db,
        "is not a Treadle store, nor any SQLite file; move it away to start with an empty store");
  if (!application.ok()) return application.status();
  TREADLE_ASSIGN_OR_RETURN(const int64_t version, NumberFrom(db, "PRAGMA user_version"));
  TREADLE_ASSIGN_OR_RETURN(const int64_t tables,
                           NumberFrom(db, "SELECT count(*) FROM sqlite_schema"));
  if (*application == 0 && version == 0 && tables == 0) return 0;
  if (*application != kStoreApplicationId)
    return Refused(
        db, "is a SQLite file of another program; move it away to start with an empty store");
  if (version > kStoreVersion) return IsNewer(db->path(), version);
  if (version < kStoreVersionOldest)
    return Refused(db, "was written by a Treadle from before the first release (format " +
                           std::to_string(version) + "); only that version can read it");
  TREADLE_ASSIGN_OR_RETURN(const std::string found,
                           TextFrom(db, "SELECT value FROM meta WHERE key = 'identity'"));
  if (found != IdentityText(identity))
    return Refused(db, "belongs to another data directory: its identity is " + found +
                           ", the journal's is " + IdentityText(identity));
  if (version < kStoreVersion) {
    TREADLE_RETURN_IF_ERROR(CheckHasNoForeignCode(db));
    return version;
  }
  TREADLE_RETURN_IF_ERROR(CheckSchema(db));
  TREADLE_ASSIGN_OR_RETURN(const int64_t roots, DigestOfRoots(db));
  TREADLE_ASSIGN_OR_RETURN(const int64_t written,
                           NumberFrom(db, "SELECT value FROM meta WHERE key = 'roots'"));
  if (roots != written)
    return Status(Code::kDataLoss, db->path() + ": its tables are not where Treadle created them");
  return version;
}

}  // namespace

Status CreateSchema(Connection* db, const StoreShape& shape) {
  for (const char* const sql : {kTables, kTaskTables, kFound})
    TREADLE_RETURN_IF_ERROR(db->Execute(sql));
  return shape.has_people_views ? db->Execute(PeopleViews()) : Status();
}

Status CheckIsNotNewer(Disk* disk, const std::string& path) {
  const auto file = disk->Open(path, Disk::Mode::kRead);
  if (file.status().code() == Code::kNotFound) return {};
  if (!file.ok()) return file.status();
  char head[100] = {};
  TREADLE_ASSIGN_OR_RETURN(const size_t read, (*file)->Read(0, head, sizeof head));
  const int64_t version = BigEndian32(head + kUserVersionOffset);
  const bool is_ours = BigEndian32(head + kApplicationIdOffset) == kStoreApplicationId;
  if (read < sizeof head || !is_ours || version <= kStoreVersion) return {};
  return IsNewer(path, version);
}

Status PrepareSchema(Connection* db, uint64_t identity, const StoreShape& shape) {
  TREADLE_RETURN_IF_ERROR(AddRowDigest(db));
  db->set_tidy_on_close(false);
  TREADLE_ASSIGN_OR_RETURN(const int64_t version, Inspect(db, identity));
  db->set_tidy_on_close(true);
  // Before the write-ahead log is on, so that the file never is without the marks by which it is
  // known.
  if (version == 0)
    TREADLE_RETURN_IF_ERROR(db->Execute("PRAGMA synchronous = FULL; PRAGMA page_size = " +
                                        std::to_string(shape.page_bytes)));
  if (version < kStoreVersion) TREADLE_RETURN_IF_ERROR(Migrate(db, version, identity, shape));
  TREADLE_ASSIGN_OR_RETURN(const std::string mode, TextFrom(db, "PRAGMA journal_mode = WAL"));
  if (mode != "wal")
    return Status(Code::kUnavailable,
                  db->path() + ": the file system does not support a write-ahead log");
  return {};
}

Status Configure(Connection* db, int cache_kib, const StoreShape& shape) {
  TREADLE_CHECK(cache_kib > 0);  // SQLite takes a number of the other sign for pages
  db->KeepLogBelow(shape.log_bytes / shape.page_bytes);
  // No statement, whoever wrote it, changes what FTS5 keeps for itself.
  sqlite3_db_config(db->handle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  return db->Execute(
      "PRAGMA synchronous = FULL;"
      "PRAGMA temp_store = MEMORY;"
      "PRAGMA secure_delete = FAST;"
      "PRAGMA journal_size_limit = " +
      std::to_string(shape.log_bytes) + "; PRAGMA cache_size = -" + std::to_string(cache_kib));
}

Status ChangeIdentity(const std::string& path, uint64_t identity) {
  TREADLE_ASSIGN_OR_RETURN(const auto db, Connection::Open(path, ""));
  TREADLE_RETURN_IF_ERROR(db->Execute("PRAGMA synchronous = FULL"));
  TREADLE_RETURN_IF_ERROR(AddRowDigest(db.get()));
  return PutIdentity(db.get(), identity);
}

}  // namespace treadle
