// Rows whose bits have flipped are noticed wherever they are read, and are never signed anew.
#include "store/sqlite/row_digest.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/random.h"
#include "base/test_rounds.h"
#include "engine/effects.h"
#include "store/sqlite/edit_rows.h"
#include "store/sqlite/sqlite_store.h"

namespace treadle {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kWaiting = 20;
constexpr uint64_t kEnded = 20;

/// A small store with something in every table and every column.
class RowDigestTest : public testing::Test {
 protected:
  RowDigestTest() {
    const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
    directory_ =
        fs::temp_directory_path() / ("row-digest-" + std::to_string(getpid()) + "-" + test->name());
    fs::create_directories(directory_);
    const auto store = *SqliteStore::Open({path(), 1, ""});
    EXPECT_TRUE(store->Write(Everything()).ok());
  }
  ~RowDigestTest() override { fs::remove_all(directory_); }

  std::string path() const { return directory_ / "store.db"; }

  static TaskPlace PlaceOf(uint64_t sequence) { return {TaskId::Of(1, sequence), 1, 1, 5}; }

  static TaskChange Task(uint64_t sequence) {
    TaskChange change{.is_new = true};
    TaskRecord& now = change.now;
    const bool ended = sequence > kWaiting;
    now.image = {.id = TaskId::Of(1, sequence), .queue = 1, .type = 1};
    now.image.state = ended ? TaskState::kCompleted : TaskState::kReady;
    now.image.ordinal = ended ? sequence - kWaiting : 0;
    now.image.attempt = 3;
    now.image.started_at = {1'764'000'000'456};
    now.image.finished_at = {ended ? 1'764'000'000'789 : 0};
    now.image.has_terms = true;
    now.image.has_trail = true;
    now.terms =
        std::make_shared<TaskTerms>(TaskTerms{.expires_at = WallTime{7}, .has_saved = true});
    now.holder = LeaseHolder{"worker", 77, "build-1"};
    now.error = std::make_shared<TaskError>(TaskError{"code", "what went wrong"});
    auto body = std::make_shared<TaskBody>(
        TaskBody{.payload = "payload " + std::to_string(sequence), .content_type = "text/plain"});
    body->idempotency_key = "key " + std::to_string(sequence);
    body->payload_sha256 = Sha256Of(body->payload);
    body->tags = {"red", "round"};
    now.body = body;
    if (ended)
      now.result = std::make_shared<TaskResult>(TaskResult{"done", "text/html", Sha256Of("done")});
    change.trail = std::make_shared<TrailChange>();
    change.trail->ended.push_back({.attempt = 2, .worker = "w", .build = "b", .error = now.error});
    change.trail->log.push_back({.attempt = 3, .offset = 0, .text = "half way\n"});
    if (!ended) change.trail->saved.steps["charge"] = {"{}", "text/x"};
    return change;
  }

  static StoreChanges Everything() {
    StoreChanges changes;
    changes.queues.push_back({1, "mail", {.lease_ms = 12'345}});
    changes.types = {{1, "send"}};
    for (uint64_t n = 1; n <= kWaiting + kEnded; ++n) {
      changes.tasks.push_back(Task(n));
      changes.keys.push_back(
          {.id = {Mix64(n), n}, .request_hash = n, .task = TaskId::Of(1, n), .expires = {1'000}});
    }
    changes.counters.push_back(
        {.queue = 1, .accepted = kWaiting + kEnded, .ended = {EndedRange{.next = kEnded + 1}}});
    changes.meta =
        StoreMeta{.applied = 77, .time = {5}, .wall = {6}, .next_sequence = 41, .term = 3};
    return changes;
  }

  std::unique_ptr<Connection> Connect() const {
    auto db = *Connection::Open(path(), "");
    EXPECT_TRUE(AddRowDigest(db.get()).ok());
    return db;
  }

  void Edit(const std::set<uint64_t>& tasks, const std::function<void(TaskRow*)>& edit) const {
    const auto db = Connect();
    for (const TaskTable table : {TaskTable::kLive, TaskTable::kDone}) {
      const Status edited = EditRows(db.get(), table, [&](TaskRow* task) {
        if (!tasks.contains(task->image.id.sequence())) return false;
        edit(task);
        return true;
      });
      ASSERT_TRUE(edited.ok()) << edited.ToString();
    }
  }

  static int64_t Number(Connection* db, const std::string& sql) {
    Statement statement(db, sql);
    Rows rows = statement.Query();
    const int64_t number = rows.Next() ? rows.Int(0) : -1;
    EXPECT_TRUE(rows.status().ok()) << sql << ": " << rows.status().message();
    return number;
  }

  static std::vector<std::pair<std::string, std::string>> ColumnsOf(Connection* db,
                                                                    std::string_view table) {
    Statement statement(db, "SELECT name, type FROM pragma_table_info(?1)");
    Rows rows = statement.Query(table);
    std::vector<std::pair<std::string, std::string>> columns;
    while (rows.Next()) columns.emplace_back(rows.String(0), rows.String(1));
    return columns;
  }

  // The record as the store has it now.
  static Result<TaskRecord> Load(SqliteStore* store, const TaskPlace& place) {
    auto records = store->Load({place});
    if (!records.ok()) return records.status();
    return records->empty() ? TaskRecord() : records->front();
  }

  static Status Scan(SqliteStore* store) {
    const auto ok = [](const auto&...) { return Status(); };
    return store->ReadAll({ok, ok, ok, ok, ok, ok});
  }

  fs::path directory_;
};

// As another value of the column's kind.
std::string Other(const std::string& column, const std::string& type) {
  if (type == "INTEGER") return "ifnull(" + column + ", 0) + 1000";
  if (type == "TEXT") return "ifnull(" + column + ", '') || 'x'";
  if (type == "BLOB") return "CAST(ifnull(" + column + ", '') || 'x' AS BLOB)";
  return "7777777";
}

TEST_F(RowDigestTest, EveryColumnOfEveryRowIsCovered) {
  const auto db = Connect();
  const std::set<std::string> with_their_own = {"payload", "result"};
  for (const std::string_view view : DigestedTables()) {
    const std::string table(view);
    const std::string damaged =
        "SELECT count(*) FROM " + table + " WHERE NOT (" + IsSound(view) + ")";
    ASSERT_GT(Number(db.get(), "SELECT count(*) FROM " + table), 0) << table;
    ASSERT_EQ(Number(db.get(), damaged), 0) << table;
    for (const auto& [column, type] : ColumnsOf(db.get(), view)) {
      if (with_their_own.contains(column)) continue;
      const bool of_all = table == "meta" && column == "key";  // it is text
      ASSERT_TRUE(db->Execute("BEGIN").ok());
      const std::string one = " WHERE digest = (SELECT min(digest) FROM " + table + ")";
      const Status changed = db->Execute("UPDATE " + table + " SET " + column + " = " +
                                         Other(column, of_all ? "TEXT" : type) + one);
      ASSERT_TRUE(changed.ok()) << table << "." << column << ": " << changed.message();
      EXPECT_EQ(Number(db.get(), damaged), 1) << table << "." << column;
      ASSERT_TRUE(db->Execute("ROLLBACK").ok());
    }
  }
}

TEST_F(RowDigestTest, ValuesOfAnotherKindOrWithAnotherBorderHaveAnotherDigest) {
  const auto db = Connect();
  std::set<int64_t> digests;
  const char* const rows[] = {"",        "NULL",       "0",         "'0'",       "x'30'", "''",
                              "x''",     "NULL, NULL", "'ab', 'c'", "'a', 'bc'", "'abc'", "1",
                              "1 << 32", "-1",         "'a', NULL", "NULL, 'a'"};
  for (const char* const row : rows)
    digests.insert(Number(db.get(), "SELECT row_digest(" + std::string(row) + ")"));
  EXPECT_EQ(digests.size(), std::size(rows));
}

TEST_F(RowDigestTest, ATaskWhoseRowIsDamagedIsReadWithoutItsBodyAndItsListIsRefused) {
  Edit({3}, [](TaskRow* task) { task->tags = "blue"; });
  Edit({33}, [](TaskRow* task) { task->image.when_ms = 99; });
  const auto store = *SqliteStore::Open({path(), 1, ""});
  EXPECT_EQ(Load(store.get(), PlaceOf(3))->body, nullptr);
  EXPECT_NE(Load(store.get(), PlaceOf(4))->body, nullptr);
  EXPECT_EQ(Load(store.get(), {TaskId::Of(1, 33)})->body, nullptr);
  EXPECT_NE(Load(store.get(), {TaskId::Of(1, 34)})->body, nullptr);
  EXPECT_EQ(store->List({}).status().code(), Code::kDataLoss);
  EXPECT_EQ(Scan(store.get()).code(), Code::kDataLoss);
}

TEST_F(RowDigestTest, DamagedSavedDataGoesToNoWorker) {
  ASSERT_TRUE(Connect()
                  ->Execute("UPDATE saved SET value = x'7b7c' WHERE task & 65535 = 3;"
                            "UPDATE attempt SET worker = 'v' WHERE task & 65535 = 4;"
                            "UPDATE log SET text = 'all' WHERE task & 65535 = 5")
                  .ok());
  const auto store = *SqliteStore::Open({path(), 1, ""});
  EXPECT_EQ(Load(store.get(), PlaceOf(3))->body, nullptr);
  EXPECT_NE(Load(store.get(), PlaceOf(4))->body, nullptr);
  EXPECT_EQ(store->History(TaskId::Of(1, 3)).status().code(), Code::kDataLoss);
  EXPECT_EQ(store->History(TaskId::Of(1, 4)).status().code(), Code::kDataLoss);
  EXPECT_EQ(store->Log(TaskId::Of(1, 5), 3).status().code(), Code::kDataLoss);
  EXPECT_TRUE(store->History(TaskId::Of(1, 5)).ok());
}

// What the change leaves as it was can no longer be trusted, and the row must not look as if.
TEST_F(RowDigestTest, AChangeOfADamagedRowMakesItsPayloadADamagedOne) {
  Edit({3, 4, 33, 34}, [](TaskRow* task) { task->tags = "blue"; });
  const auto store = *SqliteStore::Open({path(), 1, ""});
  StoreChanges changes;
  for (const uint64_t sequence : {3U, 4U, 33U, 34U}) {
    TaskChange change = Task(sequence);
    change.is_new = false;
    change.trail = nullptr;
    change.now.body = nullptr;
    // 3 goes on, 4 ends, 33 is redriven, 34 stays ended.
    const bool ends = sequence == 4 || sequence == 34;
    change.now.image.state = ends ? TaskState::kDead : TaskState::kReady;
    change.now.image.ordinal = ends ? sequence : 0;
    changes.tasks.push_back(std::move(change));
  }
  ASSERT_TRUE(store->Write(changes).ok());
  for (const uint64_t sequence : {3U, 4U, 33U, 34U}) {
    const auto record = Load(store.get(), PlaceOf(sequence));
    ASSERT_TRUE(record.ok()) << record.status().message();
    EXPECT_EQ(record->image.id, TaskId::Of(1, sequence)) << "it is there";
    EXPECT_EQ(record->body, nullptr) << sequence;
  }
  EXPECT_TRUE(Scan(store.get()).ok()) << Scan(store.get()).message();
  EXPECT_TRUE(store->List({}).ok());
}

// What a store has to say of its tasks, as text; what is damaged says so.
class Told {
 public:
  static std::string Of(SqliteStore* store) {
    Told told;
    told.Meta(store->ReadMeta());
    told.Note(store->ReadAll(told.Visitor()));
    // As recovery has it.
    told.damaged_ = told.damaged_ || told.accepted_ != told.tasks_;
    for (uint64_t n = 1; n <= kWaiting + kEnded; ++n) told.Task(store, n);
    return told.damaged_ ? "damaged" : told.text_;
  }

 private:
  void Note(const Status& status) { damaged_ = damaged_ || !status.ok(); }
  template <class... Values>
  void Say(const Values&... values) {
    std::ostringstream out;
    ((out << values << ' '), ...);
    text_ += out.str() + "\n";
  }
  void Say(const std::string& what, const std::string& bytes) {
    text_ += what + " " + bytes + "\n";
  }

  void Meta(const Result<StoreMeta>& meta) {
    Note(meta.status());
    if (meta.ok())
      Say(meta->applied, meta->time.ms, meta->wall.ms, meta->next_sequence, meta->term);
  }

  void Image(const TaskImage& i) {
    Say("image", i.id.ToString(), i.queue, i.type, static_cast<int>(i.state), int{i.priority});
    Say(i.reported, i.cancel_requested, i.has_terms, i.has_trail, i.max_attempts, i.worker_losses);
    Say(i.unspent, i.attempt, i.term, i.exchange, i.when_ms, i.enqueued_at.ms, i.started_at.ms);
    Say(i.ordinal, i.finished_at.ms);
  }

  Store::Visitor Visitor() {
    Store::Visitor visit;
    visit.queue = [this](const QueueIsNow& queue) {
      std::string bytes;
      ByteWriter out(&bytes);
      EncodePolicy(queue.policy, &out);
      ++queues_;
      return Say("queue" + std::to_string(queue.id) + queue.name, bytes), Status();
    };
    visit.type = [this](const TypeIsNow& type) {
      std::string bytes;
      ByteWriter out(&bytes);
      EncodeTypePolicy(type.policy, &out);
      ++types_;
      return Say("type" + std::to_string(type.id) + type.name, bytes), Status();
    };
    visit.counters = [this](const CountersAreNow& c) {
      Say("counters", c.queue, c.accepted);
      accepted_ += c.accepted;
      damaged_ = damaged_ || c.queue > queues_;
      for (const EndedRange& range : c.ended) Say(range.next, range.from);
      for (const uint64_t removed : c.removed) Say(removed);
      return Status();
    };
    visit.key = [this](const KeyIsNow& key) {
      return Say(key.id[0], key.id[1], key.request_hash, key.task.packed, key.expires.ms), Status();
    };
    visit.task = [this](const TaskRecord& task, uint32_t bytes) {
      return Image(task.image), Say(bytes), Count(task.image);
    };
    visit.ended = [this](const TaskImage& image, uint32_t bytes) {
      return Image(image), Say(bytes), Count(image);
    };
    return visit;
  }

  Status Count(const TaskImage& image) {
    ++tasks_;
    damaged_ = damaged_ || image.queue > queues_ || image.type > types_;
    return {};
  }

  void Task(SqliteStore* store, uint64_t sequence) {
    const TaskId id = TaskId::Of(1, sequence);
    const auto records = store->Load({{id, 1, 1, 5}});
    Note(records.status());
    const bool whole = records.ok() && !records->empty() && records->front().body != nullptr;
    damaged_ = damaged_ || !whole || (sequence > kWaiting && records->front().result == nullptr);
    if (damaged_) return;
    const TaskRecord& record = records->front();
    Image(record.image);
    Say(record.body->payload, record.body->content_type + record.body->idempotency_key);
    for (const std::string& tag : record.body->tags) Say("tag", tag);
    Say(record.error->code, record.error->message);
    Say(record.holder->worker, record.holder->build + std::to_string(record.holder->incarnation));
    const auto history = store->History(id);
    const auto log = store->Log(id, 3);
    Note(history.status());
    Note(log.status());
    if (damaged_) return;
    if (!log->empty() && *log != "half way\n") Say("another log", *log);
    for (const AttemptRecord& each : history->attempts) {
      const std::string text = each.worker + each.build + each.error->message;
      if (std::to_string(each.attempt) + text != "2wbwhat went wrong") Say("attempt", text);
    }
    for (const auto& [name, saved] : history->saved.steps)
      Say(name, saved.bytes + saved.content_type);
  }

  std::string text_;
  bool damaged_ = false;
  size_t queues_ = 0;
  size_t types_ = 0;
  uint64_t accepted_ = 0;
  uint64_t tasks_ = 0;
};

std::string FirstDifference(const std::string& a, const std::string& b) {
  std::istringstream in_a(a);
  std::istringstream in_b(b);
  std::string line_a;
  std::string line_b;
  while (std::getline(in_a, line_a) && std::getline(in_b, line_b))
    if (line_a != line_b) return ": " + line_a + ", not " + line_b;
  return "";
}

// An attempt or a log whose key has flipped belongs to nobody, which only data check sees; and what
// tasks are found by is no part of what is told here.
TEST_F(RowDigestTest, ABitThatFlipsAnywhereInTheFileIsNoticedOrChangesNothing) {
  std::ifstream in(path(), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  const std::string expected = Told::Of(SqliteStore::Open({path(), 1, ""})->get());
  ASSERT_NE(expected, "damaged");
  SeededRandom random(1);
  int noticed = 0;
  const std::string copy = directory_ / "copy.db";
  const int flips = TestRounds(1'500, 250);
  for (int flipped = 0; flipped < flips;) {
    const size_t at = random.Below(whole.size());
    if (whole[at] == 0) continue;  // most of the file is free space
    ++flipped;
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.Below(8)));
    for (const char* const suffix : {"-wal", "-shm"}) fs::remove(copy + suffix);
    std::ofstream(copy, std::ios::binary) << bytes;
    const auto store = SqliteStore::Open({copy, 1, ""});
    const std::string told = store.ok() ? Told::Of(store->get()) : "damaged";
    noticed += told == "damaged";
    EXPECT_TRUE(told == "damaged" || told == expected)
        << "byte " << at << " of page " << at / 8192 + 1 << FirstDifference(told, expected);
  }
  EXPECT_GT(noticed, flips / 15);
  RecordProperty("noticed", noticed);
}

}  // namespace
}  // namespace treadle
