// What is particular to the SQLite file; what holds for every Store is in tests/conformance.
#include "store/sqlite/sqlite_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "model/fingerprint.h"
#include "store/sqlite/edit_rows.h"
#include "store/sqlite/lane_place.h"
#include "store/sqlite/row_digest.h"
#include "store/sqlite/schema.h"

namespace treadle {
namespace {

class SqliteStoreTest : public testing::Test {
 protected:
  SqliteStoreTest() {
    const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = std::filesystem::temp_directory_path() /
                 ("sqlite-store-" + std::to_string(getpid()) + "-" + test->name());
    std::filesystem::create_directories(directory_);
    path_ = directory_ / "store.db";
  }
  ~SqliteStoreTest() override { std::filesystem::remove_all(directory_); }

  Result<std::unique_ptr<SqliteStore>> Open(uint64_t identity = 1) {
    return SqliteStore::Open({path_, identity, ""});
  }

  // Has the rows say what they say now: for damage that no digest shows.
  void SignRows() {
    auto db = *Connection::Open(path_, "");
    ASSERT_TRUE(AddRowDigest(db.get()).ok());
    for (const std::string_view table : DigestedTables())
      ASSERT_TRUE(db->Execute(UpdateRow(table, {})).ok());
  }

  // Runs `sql` as another program would.
  void Edit(const std::string& sql) {
    auto db = Connection::Open(path_, "");
    ASSERT_TRUE(db.ok());
    const Status status = (*db)->Execute(sql);
    ASSERT_TRUE(status.ok()) << status.ToString();
  }

  // The same of what is known of a waiting task.
  void EditImage(const std::function<void(TaskImage*)>& edit) {
    const auto db = *Connection::Open(path_, "");
    const Status status = EditRows(db.get(), TaskTable::kLive, [&](TaskRow* task) {
      edit(&task->image);
      return true;
    });
    ASSERT_TRUE(status.ok()) << status.ToString();
  }

  // The first row's columns, with "|" between.
  std::string Ask(const std::string& sql) {
    auto db = Connection::Open(path_, "");
    Statement statement(db->get(), sql);
    Rows rows = statement.Query();
    std::string row;
    if (rows.Next())
      for (int i = 0; i < columns_; ++i) row += (i ? "|" : "") + rows.String(i);
    EXPECT_TRUE(rows.status().ok()) << rows.status().ToString();
    return row;
  }

  std::string Bytes() const {
    std::ifstream in(path_, std::ios::binary);
    std::stringstream bytes;
    bytes << in.rdbuf();
    return bytes.str();
  }

  // Opening is refused, in these words, and the file stays as it is.
  void ExpectRefused(const std::string& words, uint64_t identity = 1) {
    const std::string before = Bytes();
    const auto store = Open(identity);
    ASSERT_FALSE(store.ok());
    EXPECT_EQ(store.status().code(), Code::kFailedPrecondition) << store.status().ToString();
    EXPECT_NE(store.status().message().find(words), std::string::npos) << store.status().message();
    EXPECT_EQ(Bytes(), before);
  }

  std::filesystem::path directory_;
  std::string path_;
  int columns_ = 1;
};

TaskChange NewTask(uint64_t sequence, TaskState state) {
  auto body = std::make_shared<TaskBody>();
  body->payload = R"({"n":)" + std::to_string(sequence) + "}";
  body->payload_sha256 = Sha256Of(body->payload);
  TaskChange change{.is_new = true};
  change.now.image = {.id = TaskId::Of(1, sequence), .queue = 1, .type = 1, .state = state};
  change.now.image.ordinal = IsTerminal(state) ? sequence : 0;
  change.now.image.enqueued_at = {1'764'000'000'123};
  change.now.body = std::move(body);
  return change;
}

StoreChanges Names() {
  StoreChanges changes;
  changes.queues.push_back({1, "mail", {}});
  changes.types = {{1, "send"}, {2, "receive"}};
  return changes;
}

TEST_F(SqliteStoreTest, AFileThatIsNotADatabaseIsRefusedAndLeftUntouched) {
  std::ofstream(path_) << "Dear diary, today I wrote a queue. " << std::string(4096, '.');
  ExpectRefused("is not a Treadle store");
}

// Killed, so that its log stays: the copies are what the next opening finds.
TEST_F(SqliteStoreTest, ALogOfAnySizeIsMadeDurableWhenTheStoreIsOpened) {
  for (const uint64_t tasks : {1U, 100U, 1'300U, 2'600U}) {
    auto store = Open();
    ASSERT_TRUE(store.ok());
    StoreChanges changes = Names();
    for (uint64_t i = 1; i <= tasks; ++i) {
      changes.tasks.push_back(NewTask(i, TaskState::kReady));
      auto body = std::make_shared<TaskBody>(*changes.tasks.back().now.body);
      body->payload = std::string(800, static_cast<char>('a' + tasks % 7));  // other than it was
      body->payload_sha256 = Sha256Of(body->payload);
      changes.tasks.back().now.body = std::move(body);
    }
    ASSERT_TRUE((*store)->Write(changes).ok());
    const std::string copy = path_ + ".copy";
    for (const char* const file : {"", "-wal"})
      std::filesystem::copy_file(path_ + file, copy + file,
                                 std::filesystem::copy_options::overwrite_existing);
    EXPECT_GT(std::filesystem::file_size(copy + "-wal"), tasks * 800);
    const auto opened = SqliteStore::Open({.path = copy, .identity = 1});
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    const TaskPlace last{TaskId::Of(1, tasks), 1, 1, 5};
    EXPECT_EQ((*opened)->Load({last})->size(), 1U);
  }
}

TEST_F(SqliteStoreTest, ADatabaseOfAnotherProgramIsRefusedAndLeftUntouched) {
  Edit("PRAGMA journal_mode = WAL; CREATE TABLE bookmarks (url)");
  ExpectRefused("another program");
  Edit("PRAGMA application_id = 77");
  ExpectRefused("another program");
}

TEST_F(SqliteStoreTest, AStoreOfANewerTreadleIsRefusedAndLeftUntouched) {
  ASSERT_TRUE(Open().ok());
  Edit("PRAGMA user_version = " + std::to_string(kStoreVersion + 1));
  ExpectRefused("newer Treadle");
}

TEST_F(SqliteStoreTest, AStoreOfAnotherDataDirectoryIsRefusedAndLeftUntouched) {
  ASSERT_TRUE(Open(1).ok());
  ExpectRefused("belongs to another data directory", 2);
  EXPECT_TRUE(Open(1).ok());
}

TEST_F(SqliteStoreTest, TheFileSaysWhoseItIs) {
  ASSERT_TRUE(Open(0xabc).ok());
  EXPECT_EQ(Ask("PRAGMA application_id"), std::to_string(kStoreApplicationId));
  EXPECT_EQ(Ask("PRAGMA user_version"), std::to_string(kStoreVersion));
  EXPECT_EQ(Ask("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(Ask("SELECT value FROM meta WHERE key = 'identity'"), "0000000000000abc");
}

TEST_F(SqliteStoreTest, ViewsShowNamesStatesAndDates) {
  {
    auto store = Open();
    StoreChanges changes = Names();
    uint64_t n = 0;
    for (const TaskState state : kTaskStates) changes.tasks.push_back(NewTask(++n, state));
    changes.counters.push_back({.queue = 1, .accepted = 6});
    ASSERT_TRUE((*store)->Write(changes).ok());
  }
  uint64_t n = 0;
  for (const TaskState state : kTaskStates) {
    const std::string id = "1-" + std::to_string(++n);
    columns_ = 6;
    EXPECT_EQ(Ask("SELECT id, queue, type, state, enqueued_at, payload FROM tasks WHERE id = '" +
                  id + "'"),
              id + "|mail|send|" + std::string(*TaskStateName(state)) +
                  "|2025-11-24T16:00:00.123Z|{\"n\":" + std::to_string(n) + "}");
  }
  columns_ = 2;
  EXPECT_EQ(Ask("SELECT name, accepted FROM queues"), "mail|6");
}

TEST_F(SqliteStoreTest, TheLogStaysSmallHoweverMuchIsWritten) {
  auto store = Open();
  ASSERT_TRUE((*store)->Write(Names()).ok());
  for (uint64_t n = 1; n <= 20'000;) {
    StoreChanges changes;
    for (; changes.tasks.size() < 1'000; ++n)
      changes.tasks.push_back(NewTask(n, TaskState::kReady));
    ASSERT_TRUE((*store)->Write(changes).ok());
  }
  EXPECT_LT(std::filesystem::file_size(path_ + "-wal"), 6u << 20);
}

// All that the store at `path` has, in words.
std::string Everything(Store* store) {
  std::string all;
  Store::Visitor visit;
  visit.queue = [&](const QueueIsNow& queue) { return all += queue.name + " ", Status(); };
  visit.type = [&](const TypeIsNow& type) { return all += type.name + " ", Status(); };
  visit.counters = [](const CountersAreNow&) { return Status(); };
  visit.key = [](const KeyIsNow&) { return Status(); };
  visit.task = [&](const TaskRecord& task, uint32_t bytes) {
    all += task.image.id.ToString() + ":" + std::to_string(bytes) + " ";
    return Status();
  };
  visit.ended = [&](const TaskImage& image, uint32_t) {
    return all += image.id.ToString() + " ", Status();
  };
  EXPECT_TRUE(store->ReadAll(visit).ok());
  return all + std::to_string(store->ReadMeta()->applied);
}

TEST_F(SqliteStoreTest, ACopyThatIsMadeWhileTheStoreIsWrittenIsTheStoreAsOfItsEnd) {
  auto store = Open();
  ASSERT_TRUE((*store)->Write(Names()).ok());
  uint64_t n = 0;
  const auto write = [&](size_t tasks) {
    StoreChanges changes;
    for (size_t i = 0; i < tasks; ++i) changes.tasks.push_back(NewTask(++n, TaskState::kReady));
    changes.meta = StoreMeta{.applied = n};
    ASSERT_TRUE((*store)->Write(changes).ok());
  };
  write(5'000);
  auto copy = (*store)->BeginCopy(path_ + ".copy");
  ASSERT_TRUE(copy.ok()) << copy.status().ToString();
  size_t steps = 0;
  for (bool done = false; !done; ++steps) {
    const Result<bool> step = (*copy)->Advance(16 << 10);
    ASSERT_TRUE(step.ok()) << step.status().ToString();
    done = *step;
    if (!done) write(50);  // changes pages that are copied already, and adds some
  }
  // It never began anew: as many steps as there is to copy at its end.
  EXPECT_LE(steps, (*copy)->bytes_total() / (16 << 10) + 2);
  EXPECT_GT(steps, 20U);
  const std::string expected = Everything(store->get());
  write(1);
  const auto copied = SqliteStore::Open({.path = path_ + ".copy", .identity = 1});
  ASSERT_TRUE(copied.ok()) << copied.status().ToString();
  EXPECT_EQ(Everything(copied->get()), expected);
}

TEST_F(SqliteStoreTest, AnAbandonedCopyLeavesTheStoreUnchanged) {
  auto store = Open();
  ASSERT_TRUE((*store)->Write(Names()).ok());
  auto copy = (*store)->BeginCopy(path_ + ".copy");
  ASSERT_TRUE((*copy)->Advance(1).ok());
  copy->reset();
  EXPECT_TRUE((*store)->Write({.meta = StoreMeta{.applied = 9}}).ok());
  EXPECT_EQ((*store)->ReadMeta()->applied, 9U);
}

TEST_F(SqliteStoreTest, AListThatMatchesLittleEndsItsPageEarlyAndContinues) {
  auto store = Open();
  StoreChanges changes = Names();
  for (uint64_t n = 1; n <= Lister::kRowsMax + 500; ++n)
    changes.tasks.push_back(NewTask(n, n == 1 ? TaskState::kReady : TaskState::kScheduled));
  ASSERT_TRUE((*store)->Write(changes).ok());
  TaskQuery query{.state = TaskState::kReady};
  const Result<TaskPage> first = (*store)->List(query);
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE(first->tasks.empty());
  EXPECT_EQ(first->next, TaskId::Of(1, 501));
  query.before = first->next;
  const Result<TaskPage> second = (*store)->List(query);
  ASSERT_EQ(second->tasks.size(), 1u);
  EXPECT_EQ(second->tasks[0].task.image.id, TaskId::Of(1, 1));
  EXPECT_EQ(second->next.packed, 0u);
}

TEST_F(SqliteStoreTest, ARareThingAmongManyIsFoundOnOnePage) {
  auto store = Open();
  StoreChanges changes = Names();
  changes.queues[0].policy.search_payloads = true;
  for (uint64_t n = 1; n <= 20'000; ++n) {
    changes.tasks.push_back(NewTask(n, n % 2 ? TaskState::kReady : TaskState::kDead));
    TaskRecord& now = changes.tasks.back().now;
    auto body = std::make_shared<TaskBody>(*now.body);
    body->tags = {n == 2 ? "rare" : "common"};
    if (n == 2) body->idempotency_key = "order-1";
    now.body = body;
    if (n % 2 == 0)
      now.error = std::make_shared<TaskError>(n == 2 ? TaskError{"rare", "no disk"}
                                                     : TaskError{"common", "no luck"});
  }
  ASSERT_TRUE((*store)->Write(changes).ok());
  std::vector<TaskQuery> queries(7);
  queries[0].tag = "rare";
  queries[1].idempotency_key = "order-1";
  queries[2].error_code = "rare";
  queries[3].fingerprint = ErrorFingerprint("send", "rare", "no disk");
  queries[4].words = {"no", "disk"};
  queries[5].payload_words = {"n", "2"};
  queries[6].error_code = "rare", queries[6].state = TaskState::kDead, queries[6].queue = "mail";
  for (const TaskQuery& query : queries) {
    const Result<TaskPage> page = (*store)->List(query);
    ASSERT_TRUE(page.ok()) << page.status().ToString();
    ASSERT_EQ(page->tasks.size(), 1u) << "query " << &query - queries.data();
    EXPECT_EQ(page->tasks[0].task.image.id, TaskId::Of(1, 2));
    EXPECT_EQ(page->next.packed, 0u);
  }
}

TEST_F(SqliteStoreTest, ATaskThatHasNothingRareIsInNoIndexOfRareThings) {
  auto store = Open();
  StoreChanges changes = Names();
  for (uint64_t n = 1; n <= 100; ++n) changes.tasks.push_back(NewTask(n, TaskState::kReady));
  ASSERT_TRUE((*store)->Write(changes).ok());
  EXPECT_EQ(Ask("SELECT count(*) FROM found"), "0");
}

TEST_F(SqliteStoreTest, AnImplausibleRowIsDataLoss) {
  {
    auto store = Open();
    StoreChanges changes = Names();
    changes.tasks.push_back(NewTask(1, TaskState::kReady));
    ASSERT_TRUE((*store)->Write(changes).ok());
  }
  EditImage([](TaskImage* image) { image->state = static_cast<TaskState>(99); });
  SignRows();
  auto store = Open();
  const auto loaded = (*store)->Load({{TaskId::Of(1, 1), 1, 1, 5}});
  EXPECT_EQ(loaded.status().code(), Code::kDataLoss);
}

TEST_F(SqliteStoreTest, ARankThatNoPriorityHasIsDataLossInAScan) {
  const auto ok = [](const auto&...) { return Status(); };
  for (const int rank : {10, 200, 255}) {
    std::filesystem::remove(path_);
    {
      auto store = Open();
      StoreChanges changes = Names();
      changes.tasks.push_back(NewTask(1, TaskState::kReady));
      ASSERT_TRUE((*store)->Write(changes).ok());
    }
    EditImage([&](TaskImage* image) { image->priority = static_cast<uint8_t>(9 - rank); });
    SignRows();
    auto store = Open();
    const Status read = (*store)->ReadAll({ok, ok, ok, ok, ok, ok});
    EXPECT_EQ(read.code(), Code::kDataLoss) << rank;
  }
}

TEST_F(SqliteStoreTest, PeopleSeeAllPartsOfATask) {
  auto store = Open();
  StoreChanges changes = Names();
  TaskChange change = NewTask(7, TaskState::kDead);
  TaskRecord& now = change.now;
  now.image.priority = 8;
  now.image.max_attempts = 300;
  now.image.attempt = 5;
  now.image.unspent = 2;
  now.image.started_at = {1'764'000'000'456};
  now.image.finished_at = {1'764'000'001'789};
  now.holder = LeaseHolder{"worker-é", 77, "build"};
  now.error = std::make_shared<TaskError>(TaskError{"io", std::string(300, 'e')});
  now.result = std::make_shared<TaskResult>(TaskResult{"r", "text/x", Sha256Of("r")});
  auto body = std::make_shared<TaskBody>(*now.body);
  body->content_type = "text/plain";
  body->tags = {"a", "b"};
  body->idempotency_key = "key";
  now.body = body;
  changes.tasks.push_back(change);
  ASSERT_TRUE((*store)->Write(changes).ok());
  columns_ = 12;
  EXPECT_EQ(Ask("SELECT id, priority, attempts, max_attempts, started_at, finished_at, worker,"
                " error_code, error_message, tags, content_type, result FROM tasks"),
            "1-7|8|3|300|2025-11-24T16:00:00.456Z|2025-11-24T16:00:01.789Z|worker-é|io|" +
                std::string(300, 'e') + "|a\nb|text/plain|r");
}

// Sequences of the tasks of a page, and of those behind it.
std::vector<uint64_t> ListAll(Store* store, TaskQuery query) {
  std::vector<uint64_t> found;
  while (true) {
    const auto page = store->List(query);
    EXPECT_TRUE(page.ok()) << page.status().ToString();
    if (!page.ok()) return found;
    for (const TaskView& view : page->tasks) found.push_back(view.task.image.id.sequence());
    if (page->next.packed == 0) return found;
    query.before = page->next;
  }
}

// More lanes than there are numbers for them.
TEST_F(SqliteStoreTest, TasksOfMoreLanesThanHaveNumbersShareOne) {
  constexpr uint64_t kMore = 30;
  const uint64_t all = static_cast<uint64_t>(kLanesMax) + kMore;
  const auto task = [](uint64_t n, TaskState state = TaskState::kReady) {
    TaskChange change = NewTask(n, state);
    change.now.image.type = static_cast<TypeId>(n);
    return change;
  };
  const auto place = [](uint64_t n) {
    return TaskPlace{TaskId::Of(1, n), 1, static_cast<TypeId>(n), 5};
  };
  auto store = *Open();
  {
    StoreChanges changes = Names();
    changes.types.clear();
    for (uint64_t n = all - kMore; n <= all; ++n)
      changes.types.push_back({static_cast<TypeId>(n), "type-" + std::to_string(n)});
    for (uint64_t n = 1; n <= all; ++n)
      changes.tasks.push_back(task(n, n == all ? TaskState::kScheduled : TaskState::kReady));
    ASSERT_TRUE(store->Write(changes).ok());
  }
  EXPECT_EQ(Ask("SELECT count(*) FROM live WHERE place < 1 << 48"), std::to_string(kMore));
  store = *Open();

  EXPECT_EQ(store->Load({place(1), place(all - kMore), place(all - 1), place(all)})->size(), 4u);
  EXPECT_EQ(ListAll(store.get(), {.type = "type-" + std::to_string(all - 1)}),
            std::vector<uint64_t>{all - 1});
  EXPECT_EQ(ListAll(store.get(), {.state = TaskState::kScheduled}), std::vector<uint64_t>{all});
  EXPECT_EQ(ListAll(store.get(), {.type = "type-" + std::to_string(all - kMore)}),
            std::vector<uint64_t>{all - kMore});

  // Once the first lanes are empty, their numbers are for others; but not while tasks share one.
  StoreChanges drained;
  for (uint64_t n = 1; n <= all; ++n) {
    if (n == all - 2) continue;
    drained.tasks.push_back(task(n));
    drained.tasks.back().is_new = false;
    drained.tasks.back().is_gone = true;
  }
  ASSERT_TRUE(store->Write(drained).ok());
  store = *Open();
  ASSERT_TRUE(store->Write({.tasks = {task(all + 1)}}).ok());
  EXPECT_EQ(Ask("SELECT count(*) FROM lane"), "0");
  EXPECT_EQ(store->Load({place(all - 2), place(all + 1)})->size(), 2u);
  TaskChange completed = task(all - 2, TaskState::kCompleted);
  completed.is_new = false;
  completed.now.body = nullptr;
  ASSERT_TRUE(store->Write({.tasks = {completed}}).ok());
  EXPECT_EQ(Ask("SELECT count(*) FROM live"), "1");
  uint64_t seen = 0;
  const auto ok = [](const auto&...) { return Status(); };
  const auto count = [&](const TaskRecord&, uint32_t) { return ++seen, Status(); };
  ASSERT_TRUE(store->ReadAll({ok, ok, ok, ok, count, ok}).ok());
  EXPECT_EQ(seen, 1u);
}

TEST_F(SqliteStoreTest, ALaneThatIsDamagedIsNoticed) {
  {
    auto store = Open();
    StoreChanges changes = Names();
    changes.tasks.push_back(NewTask(1, TaskState::kReady));
    ASSERT_TRUE((*store)->Write(changes).ok());
  }
  Edit("UPDATE lane SET id = 7");
  auto store = Open();
  const auto ok = [](const auto&...) { return Status(); };
  EXPECT_EQ((*store)->Load({{TaskId::Of(1, 1), 1, 1, 5}}).status().code(), Code::kDataLoss);
  EXPECT_EQ((*store)->ReadAll({ok, ok, ok, ok, ok, ok}).code(), Code::kDataLoss);
  EXPECT_EQ((*store)->Write({.tasks = {NewTask(2, TaskState::kReady)}}).code(), Code::kDataLoss);
}

TEST_F(SqliteStoreTest, ADamagedPageIsDataLoss) {
  {
    auto store = Open();
    StoreChanges changes = Names();
    for (uint64_t n = 1; n <= 200; ++n) changes.tasks.push_back(NewTask(n, TaskState::kReady));
    ASSERT_TRUE((*store)->Write(changes).ok());
  }
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  const auto size = static_cast<std::streamoff>(std::filesystem::file_size(path_));
  for (std::streamoff page = 3 * 8192; page < size; page += 8192) {
    file.seekp(page);
    file << std::string(64, '\x7f');
  }
  file.close();
  auto store = Open();
  const Status status = store.ok() ? (*store)->List({}).status() : store.status();
  EXPECT_EQ(status.code(), Code::kDataLoss) << status.ToString();
}

}  // namespace
}  // namespace treadle
