// Damaged store files. An input is a script that changes a small store: bits and bytes of its
// pages, its length, and values of its rows. Afterwards, inspecting, opening, recovering and
// querying the store must give an answer or an error message, and the result of the salvage must be
// complete and open.

#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/hash.h"
#include "base/random.h"
#include "journal/file_journal.h"
#include "journal/journal_salvage.h"
#include "shard/recovery.h"
#include "store/sqlite/repair/store_inspection.h"
#include "store/sqlite/repair/store_salvage.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/store_files.h"

namespace treadle::fuzz {
namespace {

constexpr uint64_t kIdentity = 7;
constexpr uint64_t kApplied = 77;
const std::string kStore = "/data/store.db";
const std::string kSalvaged = "/data/new.db";
const std::string kJournal = "/data/journal";

TaskChange StoredTask(uint64_t sequence, TaskState state) {
  auto body = std::make_shared<TaskBody>();
  body->payload = R"({"n":)" + std::to_string(sequence) + "}";
  body->payload_sha256 = Sha256Of(body->payload);
  body->tags = {"tag"};
  TaskChange change{.is_new = true};
  TaskImage& image = change.now.image;
  image = {.id = TaskId::Of(1, sequence), .queue = 1, .type = 1, .state = state};
  image.enqueued_at = {1'700'000'000'000};
  image.when_ms = state == TaskState::kReady ? 0 : 1'000;
  image.attempt = state == TaskState::kReady ? 0 : 1;
  image.ordinal = IsTerminal(state) ? 1 : 0;
  image.has_terms = image.has_trail = true;
  auto terms = std::make_shared<TaskTerms>();
  terms->attempt_timeout_ms = 60'000;
  terms->retry = RetryPolicy();
  change.now.terms = terms;
  change.now.body = body;
  if (state == TaskState::kRunning) change.now.holder = LeaseHolder{"worker", 1};
  if (state == TaskState::kDead)
    change.now.error = std::make_shared<TaskError>(TaskError{"code", "message"});
  change.trail = std::make_shared<TrailChange>();
  change.trail->ended = {{.attempt = 1, .worker = "worker", .error = change.now.error}};
  change.trail->log = {{.attempt = 1, .text = "line\n"}};
  change.trail->saved.steps = {{"step", {"1", ""}}};
  return change;
}

// A store with a little of everything.
std::string MakeStore() {
  StoreFiles files;
  {
    const auto store = *SqliteStore::Open({kStore, kIdentity, ""});
    auto contract = std::make_shared<TypeContract>();
    contract->version = 1;
    contract->input_schema = R"({"type":"object"})";
    StoreChanges changes;
    changes.queues = {{1, "mail", {.search_payloads = true}}, {2, "other", {}}};
    changes.types = {{1, "send", {.contracts = {contract}}}, {2, "more", {}}};
    uint64_t sequence = 0;
    for (const TaskState state : kTaskStates)
      changes.tasks.push_back(StoredTask(++sequence, state));
    changes.keys = {{.id = {1, 2}, .task = TaskId::Of(1, 1), .expires = {5'000}}};
    CountersAreNow counters{.queue = 1, .accepted = sequence};
    for (EndedRange& range : counters.ended) range.next = 2;
    changes.counters = {counters, {.queue = 2}};
    changes.meta = StoreMeta{.applied = kApplied,
                             .time = {2'000},
                             .wall = {1'700'000'000'000},
                             .next_sequence = sequence + 1,
                             .term = 3};
    TREADLE_CHECK(store->Write(changes).ok());
  }
  return files.Read(kStore);
}

// Changes pages.
void ChangePages(Input* in, std::string* bytes) {
  constexpr size_t kPageBytes = 8192;
  for (int i = 0; i < 32 && !in->empty(); ++i) {
    const size_t step = in->Choice(4);
    if (step == 3) return;  // rows follow
    const size_t page = in->U8() % (bytes->size() / kPageBytes + 1) * kPageBytes;
    const size_t at = page + in->U16() % kPageBytes;
    if (step == 2) bytes->resize(at);
    const std::string_view brought = in->Bytes(step == 0 ? 1 : 1 + in->U8() % 64);
    if (at + brought.size() > bytes->size()) continue;
    if (step == 0 && !brought.empty()) (*bytes)[at] = static_cast<char>((*bytes)[at] ^ brought[0]);
    if (step == 1) bytes->replace(at, brought.size(), brought);
  }
}

struct Table {
  std::string_view name;
  std::string_view key;
};
constexpr Table kTables[] = {{"live", "id"},         {"done", "id"},        {"queue", "id"},
                             {"type", "id"},         {"counters", "queue"}, {"meta", "key"},
                             {"idempotency", "key"}, {"attempt", "task"},   {"log", "task"},
                             {"saved", "task"}};

// The engine allocates memory for every ordinal between a queue's oldest and newest ended task.
// Numbers that only use much of it without being rejected teach nothing.
int64_t Number(Input* in) {
  const auto number = static_cast<int64_t>(in->U64());
  return number > 1 << 20 && number <= 1 << 30 ? -number : number;
}

std::string Literal(Input* in) {
  switch (in->Choice(5)) {
    case 0:
      return std::to_string(Number(in));
    case 1:
      return std::to_string(in->U8());
    case 2:
      return "x'" + ToHex(in->Bytes(in->U8() % 64)) + "'";
    case 3:
      return "CAST(x'" + ToHex(in->Bytes(in->U8() % 64)) + "' AS TEXT)";
    default:
      return "NULL";
  }
}

// Changes values of rows, written by SQLite itself. Ignores the changes that SQLite rejects.
void ChangeRows(Input* in) {
  const auto db = Connection::Open(kStore, "");
  if (!db.ok()) return;
  for (int i = 0; i < 16 && !in->empty(); ++i) {
    const Table& table = kTables[in->Choice(std::size(kTables))];
    const std::string name(table.name);
    const std::string key(table.key);
    Statement columns(db->get(), "SELECT name FROM pragma_table_info('" + name +
                                     "') LIMIT 1 OFFSET " + std::to_string(in->Choice(32)));
    std::string column;
    {
      Rows rows = columns.Query();
      if (rows.Next()) column = rows.String(0);
    }
    const std::string row = std::to_string(in->Choice(10));
    if (column.empty()) continue;
    (void)(*db)->Execute("UPDATE " + name + " SET " + column + " = " + Literal(in) + " WHERE " +
                         key + " = (SELECT " + key + " FROM " + name + " LIMIT 1 OFFSET " + row +
                         ")");
  }
}

std::unique_ptr<FileJournal> EmptyJournal(StoreFiles* files) {
  static SeededRandom random(1);
  TREADLE_CHECK(
      WriteEmptyJournal(
          files->disk(), kJournal,
          {.number = 1, .identity = kIdentity, .term = 1'000, .first_sequence = kApplied + 1})
          .ok());
  return *FileJournal::Open(files->disk(), &random, {kJournal, 8192});
}

void CheckFailure(const Status& status) {
  if (!status.ok()) TREADLE_CHECK(!status.message().empty() && status.code() != Code::kInternal);
}

// The recovered engine must work.
void Work(Recovered recovered) {
  std::string effects;
  Engine* const engine = recovered.engine.get();
  const WallTime wall{1'700'000'100'000};
  engine->BeginBatch(kApplied + 1, {recovered.now + 100'000, wall, 1}, &effects);
  (void)engine->Tick(100);
  (void)engine->Lease({.holder = {"w", 1}, .exchange = 1, .queues = {"mail"}, .types = {"send"}});
  for (const QueueView& queue : engine->Queues().views) (void)engine->GetQueue(queue.name);
  engine->EndBatch();
}

Status TryRecovery(Journal* journal, Store* store) {
  Result<Recovered> recovered = Recover(1, journal, store);
  CheckFailure(recovered.status());
  if (!recovered.ok()) return recovered.status();
  Work(*std::move(recovered));
  return {};
}

void Ask(Store* store) {
  for (const bool by_words : {false, true}) {
    TaskQuery query{.limit = 3, .with_results = true};
    if (by_words) query.tag = "tag";
    auto page = store->List(query);
    CheckFailure(page.status());
    for (int pages = 0; page.ok() && page->next != TaskId{} && pages < 10; ++pages) {
      TREADLE_CHECK(query.before == TaskId{} || page->next < query.before);
      query.before = page->next;
      page = store->List(query);
    }
  }
  for (uint64_t sequence = 1; sequence <= std::size(kTaskStates); ++sequence) {
    CheckFailure(store->History(TaskId::Of(1, sequence)).status());
    CheckFailure(store->Log(TaskId::Of(1, sequence), 1).status());
  }
}

void CheckStoreSalvage(Journal* journal) {
  const auto salvage = SalvageStore(kStore, kSalvaged, kIdentity);
  CheckFailure(salvage.status());
  if (!salvage.ok()) return;
  {
    const auto store = SqliteStore::Open({kSalvaged, kIdentity, ""});
    TREADLE_CHECK(store.ok());
    // As tools/data_repair.cc does it: the repair sets the marks.
    TREADLE_CHECK(
        (*store)->Write({.meta = StoreMeta{.applied = kApplied, .next_sequence = 1'000}}).ok());
  }
  TREADLE_CHECK(MendStore(kSalvaged, kIdentity, *salvage).ok());
  const auto seen = InspectStore(kSalvaged, kIdentity);
  TREADLE_CHECK(seen.ok() && seen->problems.empty());
  const auto store = SqliteStore::Open({kSalvaged, kIdentity, ""});
  TREADLE_CHECK(store.ok());
  TREADLE_CHECK(TryRecovery(journal, store->get()).ok());
  Ask(store->get());
}

}  // namespace

TREADLE_FUZZ_TARGET(store) {
  static const std::string whole = MakeStore();
  Input in(input);
  std::string bytes = whole;
  ChangePages(&in, &bytes);
  StoreFiles files;
  files.Write(kStore, bytes);
  ChangeRows(&in);
  const auto journal = EmptyJournal(&files);
  CheckStoreSalvage(journal.get());
  CheckFailure(InspectStore(kStore, kIdentity).status());
  const auto store = SqliteStore::Open({kStore, kIdentity, ""});
  CheckFailure(store.status());
  if (!store.ok()) return;
  (void)TryRecovery(journal.get(), store->get());
  Ask(store->get());
}

}  // namespace treadle::fuzz
