#include "store/sqlite/repair/store_inspection.h"

#include <algorithm>
#include <set>

#include "store/sqlite/repair/salvage_sql.h"
#include "store/sqlite/row_digest.h"
#include "store/sqlite/sqlite_store.h"

namespace treadle {
namespace {

constexpr size_t kDamagedMax = 1'000;
constexpr size_t kLoadedAtOnce = 1'000;

Status CheckPages(const std::string& path, std::vector<std::string>* problems) {
  TREADLE_ASSIGN_OR_RETURN(const auto db, Connection::Open(path, ""));
  Statement statement(db.get(), "PRAGMA integrity_check(100)");
  Rows rows = statement.Query();
  while (rows.Next()) {
    const std::string line(rows.Bytes(0));
    if (line != "ok") problems->push_back("SQLite: " + line);
  }
  return rows.status();
}

Status CheckRows(const std::string& path, std::vector<std::string>* problems) {
  TREADLE_ASSIGN_OR_RETURN(const auto db, Connection::Open(path, ""));
  TREADLE_RETURN_IF_ERROR(AddRowDigest(db.get()));
  for (const std::string_view table : DigestedTables()) {
    const std::string name(table);
    TREADLE_ASSIGN_OR_RETURN(const int64_t damaged,
                             SelectNumber(db.get(), "SELECT count(*) FROM " + name +
                                                        " WHERE NOT (" + IsSound(table) + ")"));
    if (damaged > 0)
      problems->push_back("rows of table " + name +
                          " that do not match their checksums: " + std::to_string(damaged));
  }
  return {};
}

// What tasks are found by is in a table of FTS5, which SQLite's own check knows nothing of.
Status CheckFound(const std::string& path, std::vector<std::string>* problems) {
  TREADLE_ASSIGN_OR_RETURN(const auto db, Connection::Open(path, ""));
  const Status sound = db->Execute("INSERT INTO found (found) VALUES ('integrity-check')");
  if (sound.code() == Code::kDataLoss) problems->push_back(sound.message());
  return sound.code() == Code::kDataLoss ? Status() : sound;
}

Status Count(Store* store, StoreInspection* seen, std::vector<TaskPlace>* places) {
  const auto count = [](uint64_t* n) {
    return [n](const auto&) {
      ++*n;
      return Status();
    };
  };
  Store::Visitor visitor;
  visitor.queue = count(&seen->queues);
  visitor.type = count(&seen->types);
  visitor.counters = [](const CountersAreNow&) { return Status(); };
  visitor.key = count(&seen->keys);
  visitor.task = [&](const TaskRecord& record, uint32_t) {
    ++seen->waiting;
    places->push_back(TaskPlace::Of(record.image));
    return Status();
  };
  visitor.ended = [&](const TaskImage& image, uint32_t) {
    ++seen->ended;
    places->push_back({.id = image.id});
    return Status();
  };
  return store->ReadAll(visitor);
}

// Load() leaves out what is not there, and gives a task whose digest does not hold a null body.
Status CheckPayloads(Store* store, const std::vector<TaskPlace>& places,
                     std::vector<TaskPlace>* damaged) {
  for (size_t at = 0; at < places.size() && damaged->size() < kDamagedMax; at += kLoadedAtOnce) {
    const std::vector<TaskPlace> some(
        places.begin() + static_cast<ptrdiff_t>(at),
        places.begin() + static_cast<ptrdiff_t>(std::min(places.size(), at + kLoadedAtOnce)));
    TREADLE_ASSIGN_OR_RETURN(const std::vector<TaskRecord> records, store->Load(some));
    std::set<TaskId> whole;
    for (const TaskRecord& record : records) {
      if (record.body != nullptr) whole.insert(record.image.id);
    }
    for (const TaskPlace& place : some) {
      if (!whole.contains(place.id)) damaged->push_back(place);
    }
  }
  return {};
}

}  // namespace

Result<StoreInspection> InspectStore(const std::string& path, uint64_t identity) {
  StoreInspection seen;
  TREADLE_RETURN_IF_ERROR(CheckPages(path, &seen.problems));
  TREADLE_ASSIGN_OR_RETURN(const auto store,
                           SqliteStore::Open({.path = path, .identity = identity, .vfs = ""}));
  TREADLE_RETURN_IF_ERROR(CheckFound(path, &seen.problems));
  TREADLE_RETURN_IF_ERROR(CheckRows(path, &seen.problems));
  TREADLE_ASSIGN_OR_RETURN(seen.meta, store->ReadMeta());
  std::vector<TaskPlace> places;
  TREADLE_RETURN_IF_ERROR(Count(store.get(), &seen, &places));
  TREADLE_RETURN_IF_ERROR(CheckPayloads(store.get(), places, &seen.damaged_payloads));
  return seen;
}

}  // namespace treadle
