// Salvage of store files with damage in every place: what can be read is kept, and what comes out
// is a whole store.
#include "store/sqlite/repair/store_salvage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/random.h"
#include "model/fingerprint.h"
#include "store/sqlite/edit_rows.h"
#include "store/sqlite/repair/store_inspection.h"
#include "store/sqlite/row_digest.h"
#include "store/sqlite/sqlite_store.h"

namespace treadle {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;

constexpr uint64_t kWaitingTasks = 300;
constexpr uint64_t kEndedTasks = 300;
constexpr size_t kPageBytes = 8192;

// Of every second task.
Traceparent TraceparentOf(uint64_t sequence) {
  Traceparent traceparent;
  if (sequence % 2 == 1) std::memcpy(traceparent.bytes.data(), &sequence, sizeof sequence);
  return traceparent;
}

TaskChange NewSizedTask(uint64_t sequence, TaskState state, size_t payload_bytes) {
  auto body = std::make_shared<TaskBody>();
  body->payload = "#" + std::to_string(sequence) + "#" + std::string(payload_bytes, 'x');
  body->payload_sha256 = Sha256Of(body->payload);
  body->traceparent = TraceparentOf(sequence);
  TaskChange change{.is_new = true};
  change.now.image = {.id = TaskId::Of(1, sequence), .queue = 1, .type = 1, .state = state};
  change.now.image.max_attempts = 5;
  change.now.image.ordinal = IsTerminal(state) ? sequence - kWaitingTasks : 0;
  change.now.body = std::move(body);
  return change;
}

class StoreSalvageTest : public testing::Test {
 protected:
  StoreSalvageTest() {
    const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = fs::temp_directory_path() /
                 ("store-salvage-" + std::to_string(getpid()) + "-" + test->name());
    fs::create_directories(directory_);
    WriteStore();
  }
  ~StoreSalvageTest() override { fs::remove_all(directory_); }

  std::string from() const { return directory_ / "store.db"; }
  std::string to() const { return directory_ / "new.db"; }

  // Tasks 1 to 300 wait, 301 to 600 have ended.
  void WriteStore() {
    const auto store = *SqliteStore::Open({from(), 7, ""});
    StoreChanges changes;
    changes.queues.push_back({1, "mail", {.lease_ms = 12'345}});
    changes.types = {{1, "send"}};
    for (uint64_t n = 1; n <= kWaitingTasks + kEndedTasks; ++n)
      changes.tasks.push_back(
          NewSizedTask(n, n <= kWaitingTasks ? TaskState::kReady : TaskState::kCompleted, 500));
    for (uint64_t n = 1; n <= 100; ++n)
      changes.keys.push_back({.id = {Mix64(n), n}, .task = TaskId::Of(1, n)});
    changes.counters.push_back({.queue = 1,
                                .accepted = kWaitingTasks + kEndedTasks,
                                .ended = {EndedRange{.next = kEndedTasks + 1}}});
    changes.meta = StoreMeta{.applied = 77, .next_sequence = 601, .term = 3};
    ASSERT_TRUE(store->Write(changes).ok());
  }

  std::string Bytes() const {
    std::ifstream in(from(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void Put(const std::string& bytes) const { std::ofstream(from(), std::ios::binary) << bytes; }
  // The page that holds `text`, filled with something else.
  void SpoilPageOf(const std::string& text) const {
    std::string bytes = Bytes();
    const size_t page = bytes.find(text) / kPageBytes * kPageBytes;
    Put(bytes.replace(page, kPageBytes, kPageBytes, '\x5a'));
  }

  template <class Which, class Change>
  void Edit(TaskTable table, Which which, Change change) {
    const auto db = *Connection::Open(from(), "");
    const Status edited = EditRows(db.get(), table, [&](TaskRow* task) {
      if (!which(*task)) return false;
      change(task);
      return true;
    });
    ASSERT_TRUE(edited.ok()) << edited.ToString();
  }

  // Salvages and mends; all that was told.
  std::vector<std::string> Run() {
    for (const char* const suffix : {"", "-wal", "-shm"}) fs::remove(to() + suffix);
    const Result<StoreSalvage> salvage = SalvageStore(from(), to(), 7);
    if (!salvage.ok()) return {salvage.status().message()};
    meta_ = salvage->meta;
    std::vector<std::string> told = salvage->losses;
    const auto more = MendStore(to(), 7, *salvage);
    EXPECT_TRUE(more.ok()) << more.status().ToString();
    if (more.ok()) told.insert(told.end(), more->begin(), more->end());
    return told;
  }

  StoreInspection Inspect() {
    const Result<StoreInspection> seen = InspectStore(to(), 7);
    EXPECT_TRUE(seen.ok()) << seen.status().ToString();
    if (!seen.ok()) return {};
    EXPECT_THAT(seen->problems, testing::IsEmpty());
    return *seen;
  }

  fs::path directory_;
  std::optional<StoreMeta> meta_;
};

TEST_F(StoreSalvageTest, AnIntactStoreStaysUnchanged) {
  EXPECT_THAT(Run(), testing::IsEmpty());
  ASSERT_TRUE(meta_);
  EXPECT_EQ(meta_->applied, 77u);
  const StoreInspection seen = Inspect();
  EXPECT_EQ(seen.waiting, kWaitingTasks);
  EXPECT_EQ(seen.ended, kEndedTasks);
  EXPECT_EQ(seen.keys, 100u);
  EXPECT_THAT(seen.damaged_payloads, testing::IsEmpty());
}

TEST_F(StoreSalvageTest, WhatIsLeftIsFoundByWhatItHas) {
  {
    const auto store = *SqliteStore::Open({from(), 7, ""});
    StoreChanges changes;
    changes.queues.push_back({1, "mail", {.search_payloads = true}});
    for (uint64_t n = 1; n <= kWaitingTasks + kEndedTasks; n += 10) {
      TaskChange change =
          NewSizedTask(n, n <= kWaitingTasks ? TaskState::kReady : TaskState::kCompleted, 500);
      change.is_new = false;
      TaskBody body = *change.now.body;
      body.tags = {"tagged"};
      body.content_type = "text/plain";
      change.now.body = std::make_shared<TaskBody>(body);
      change.now.error =
          std::make_shared<TaskError>(TaskError{"io", "no disk " + std::to_string(n)});
      changes.tasks.push_back(change);
    }
    ASSERT_TRUE(store->Write(changes).ok());
  }
  SpoilPageOf("#151#");
  Run();
  const StoreInspection seen = Inspect();
  EXPECT_LT(seen.waiting, kWaitingTasks);
  const auto store = *SqliteStore::Open({to(), 7, ""});
  std::vector<TaskId> expected;
  const Result<TaskPage> all = store->List({.limit = 1000});
  for (const TaskView& view : all->tasks) {
    if (view.task.error) expected.push_back(view.task.image.id);
    EXPECT_EQ(view.task.body->traceparent, TraceparentOf(view.task.image.id.sequence()));
  }
  EXPECT_GT(expected.size(), 50u);
  EXPECT_LT(expected.size(), 60u);
  std::vector<TaskQuery> queries(5, {.limit = 1000});
  queries[0].tag = "tagged";
  queries[1].error_code = "io";
  queries[2].fingerprint = ErrorFingerprint("send", "io", "no disk 1");
  queries[3].words = {"disk"};
  queries[4].payload_words = {std::string(500, 'x')};
  for (const TaskQuery& query : queries) {
    std::vector<TaskId> found;
    const Result<TaskPage> page = store->List(query);
    ASSERT_TRUE(page.ok()) << page.status().ToString();
    for (const TaskView& view : page->tasks) found.push_back(view.task.image.id);
    EXPECT_EQ(found, expected) << "query " << &query - queries.data();
  }
}

TEST_F(StoreSalvageTest, ADamagedIndexOfRareThingsIsNoticedAndRebuilt) {
  {
    const auto store = *SqliteStore::Open({from(), 7, ""});
    TaskChange change = NewSizedTask(601, TaskState::kReady, 10);
    TaskBody body = *change.now.body;
    body.tags = {"tagged"};
    change.now.body = std::make_shared<TaskBody>(body);
    ASSERT_TRUE(store->Write({.tasks = {change}}).ok());
  }
  EXPECT_THAT(InspectStore(from(), 7)->problems, testing::IsEmpty());
  // As no page tells: a segment of the index that speaks of less than it should.
  ASSERT_TRUE((*Connection::Open(from(), ""))
                  ->Execute("DELETE FROM found_data WHERE id > 10; DELETE FROM found_idx")
                  .ok());
  EXPECT_THAT(InspectStore(from(), 7)->problems, testing::SizeIs(1));
  Run();
  Inspect();
  const auto store = *SqliteStore::Open({to(), 7, ""});
  EXPECT_EQ(store->List({.tag = "tagged"})->tasks.size(), 1u);
}

TEST_F(StoreSalvageTest, ADamagedPageOfWaitingTasksLosesOnlyThoseOnIt) {
  SpoilPageOf("#150#");
  const std::vector<std::string> told = Run();
  const StoreInspection seen = Inspect();
  EXPECT_LT(seen.waiting, kWaitingTasks);
  EXPECT_GT(seen.waiting, kWaitingTasks - 20);
  EXPECT_EQ(seen.ended, kEndedTasks);
  EXPECT_THAT(told, Contains(HasSubstr(std::to_string(kWaitingTasks - seen.waiting) +
                                       " tasks of queue mail are lost")));
}

TEST_F(StoreSalvageTest, SeveralDamagedPagesLoseOnlyTheTasksOnThem) {
  for (const char* const text : {"#20#", "#150#", "#280#", "#320#", "#450#"}) SpoilPageOf(text);
  Run();
  const StoreInspection seen = Inspect();
  EXPECT_GT(seen.waiting, kWaitingTasks - 60);
  EXPECT_GT(seen.ended, kEndedTasks - 40);
}

TEST_F(StoreSalvageTest, AFileThatWasCutShortIsReadAsFarAsItGoes) {
  const std::string whole = Bytes();
  Put(whole.substr(0, whole.size() * 9 / 10));
  const auto marks = ReadStoreMarks(from());
  ASSERT_TRUE(marks.ok()) << marks.status().ToString();
  EXPECT_EQ(marks->meta.applied, 77u);
  Run();
  const StoreInspection seen = Inspect();
  EXPECT_GT(seen.waiting + seen.ended, 400u);
  EXPECT_LT(seen.waiting + seen.ended, 600u);
}

TEST_F(StoreSalvageTest, NamesOfQueuesComeFromTheirIndex) {
  SpoilPageOf("mail\x05");  // the row: its policy stands behind the name
  const std::vector<std::string> told = Run();
  if (testing::Test::HasFailure()) return;
  EXPECT_THAT(told, Contains(HasSubstr("the policy of queue mail is lost")));
  EXPECT_EQ(Inspect().waiting, kWaitingTasks);
}

TEST_F(StoreSalvageTest, ImplausibleRowsAreDropped) {
  {
    const auto of = [](uint64_t n) {
      return [n](const TaskRow& task) { return task.image.id.sequence() % 100 == n; };
    };
    Edit(TaskTable::kLive, of(0), [](TaskRow* t) { t->image.state = static_cast<TaskState>(9); });
    Edit(TaskTable::kLive, of(1), [](TaskRow* task) { task->image.queue = 500; });
    Edit(TaskTable::kDone, of(1), [](TaskRow* task) { task->image.ordinal = 1ULL << 40; });
    const auto db = *Connection::Open(from(), "");
    ASSERT_TRUE(AddRowDigest(db.get()).ok());
    for (const char* const table : {"live", "done"})
      ASSERT_TRUE(db->Execute(UpdateRow(table, {})).ok());
  }
  EXPECT_THAT(Run(), Contains(HasSubstr("waiting tasks are implausible")));
  const StoreInspection seen = Inspect();
  EXPECT_EQ(seen.waiting, kWaitingTasks - 6);
  EXPECT_EQ(seen.ended, kEndedTasks - 3);
}

TEST_F(StoreSalvageTest, ATaskWhoseRowDoesNotMatchItsDigestIsKeptAsOneWithADamagedPayload) {
  {
    Edit(
        TaskTable::kLive, [](const TaskRow& task) { return task.image.id.sequence() == 20; },
        [](TaskRow* task) { task->image.max_attempts = 7; });
    const auto db = *Connection::Open(from(), "");
    ASSERT_TRUE(
        db->Execute("UPDATE queue SET lease_ms = 1; DELETE FROM live WHERE place & 65535 = 21")
            .ok());
  }
  const std::vector<std::string> told = Run();
  EXPECT_THAT(told, Contains(HasSubstr("1 tasks are damaged: they are kept")));
  EXPECT_THAT(told, Contains(HasSubstr("the policy of queue mail is lost")));
  EXPECT_THAT(told, Contains(HasSubstr("1 tasks of queue mail are lost")));
  const StoreInspection seen = Inspect();
  EXPECT_EQ(seen.waiting, kWaitingTasks - 1);
  ASSERT_EQ(seen.damaged_payloads.size(), 1u);
  EXPECT_EQ(seen.damaged_payloads[0].id, TaskId::Of(1, 20));
  const auto db = *Connection::Open(to(), "");
  Statement accepted(db.get(), "SELECT accepted FROM counters");
  Rows rows = accepted.Query();
  ASSERT_TRUE(rows.Next());
  EXPECT_EQ(rows.Int(0), static_cast<int64_t>(kWaitingTasks + kEndedTasks - 1))
      << "those that are left";
}

TEST_F(StoreSalvageTest, AQueueOrTypeWithAnImplausibleNumberLeavesItsTasks) {
  {
    const auto db = *Connection::Open(from(), "");
    ASSERT_TRUE(db->Execute("UPDATE queue SET id = -7; UPDATE type SET id = 1 << 40").ok());
  }
  const std::vector<std::string> told = Run();
  EXPECT_THAT(told, Contains("1 rows of table queue are damaged and dropped"));
  EXPECT_THAT(told, Contains("1 rows of table type are damaged and dropped"));
  EXPECT_THAT(told, Contains(HasSubstr("it is now called lost-type-1")));
  const StoreInspection seen = Inspect();
  EXPECT_EQ(seen.queues, 1u);
  EXPECT_EQ(seen.types, 1u);
  EXPECT_EQ(seen.waiting, kWaitingTasks);
  EXPECT_EQ(seen.ended, kEndedTasks);
}

TEST_F(StoreSalvageTest, AnUnreadableTypePolicyLosesNothingElse) {
  {
    const auto db = *Connection::Open(from(), "");
    ASSERT_TRUE(db->Execute("UPDATE type SET policy = x'0900'").ok());
  }
  EXPECT_THAT(Run(), Contains(HasSubstr("the policy of task type send is lost")));
  EXPECT_EQ(Inspect().waiting, kWaitingTasks);
}

TEST_F(StoreSalvageTest, UnreadableTermsAreLostButTheirTasksAreKept) {
  {
    for (const TaskTable table : {TaskTable::kLive, TaskTable::kDone})
      Edit(
          table, [](const TaskRow& task) { return task.image.id.sequence() % 100 == 0; },
          [&](TaskRow* task) {
            task->image.has_terms = true;
            task->terms = table == TaskTable::kLive ? "\x09" : "";
          });
  }
  EXPECT_THAT(Run(), Contains(HasSubstr("the terms of 3 tasks are lost")).Times(2));
  const StoreInspection seen = Inspect();
  EXPECT_EQ(seen.waiting, kWaitingTasks);
  EXPECT_EQ(seen.ended, kEndedTasks);
}

TEST_F(StoreSalvageTest, ALostLaneIsRebuiltForItsTasks) {
  ASSERT_TRUE((*Connection::Open(from(), ""))->Execute("UPDATE lane SET type = 9").ok());
  EXPECT_THAT(Run(), testing::IsEmpty());
  EXPECT_EQ(Inspect().waiting, kWaitingTasks);
  const auto store = *SqliteStore::Open({to(), 7, ""});
  EXPECT_EQ(store->Load({{TaskId::Of(1, 5), 1, 1, 5}})->size(), 1u);
}

TEST_F(StoreSalvageTest, OfTwoRowsOfTheSameTaskTheOneInItsPlaceIsKept) {
  {
    const auto db = *Connection::Open(from(), "");
    ASSERT_TRUE(AddRowDigest(db.get()).ok());
    for (const char* const lane : {"2", "3"})
      ASSERT_TRUE(db->Execute(std::string("INSERT INTO live SELECT (") + lane +
                              " << 48) | 20, state, image, digest, x'00' FROM live"
                              " WHERE place = (1 << 48) | 20")
                      .ok());
    ASSERT_TRUE(db->Execute(UpdateRow("live", {})).ok());
  }
  EXPECT_THAT(Run(), Contains("2 rows of table live are damaged and dropped"));
  EXPECT_EQ(Inspect().waiting, kWaitingTasks);
  EXPECT_THAT(Inspect().damaged_payloads, testing::IsEmpty());
  const auto db = *Connection::Open(to(), "");
  Statement accepted(db.get(), "SELECT accepted FROM counters");
  Rows rows = accepted.Query();
  ASSERT_TRUE(rows.Next());
  EXPECT_EQ(rows.As<uint64_t>(0), kWaitingTasks + kEndedTasks);
}

TEST_F(StoreSalvageTest, ImplausibleCountersAreCountedAgain) {
  {
    const auto db = *Connection::Open(from(), "");
    ASSERT_TRUE(db->Execute("UPDATE counters SET completed_next = 1 << 40").ok());
  }
  EXPECT_THAT(Run(), Contains(HasSubstr("the counters of 1 queues are lost")));
  EXPECT_EQ(Inspect().ended, kEndedTasks);
}

TEST_F(StoreSalvageTest, LostCountersAreCountedAgain) {
  ASSERT_TRUE((*Connection::Open(from(), ""))->Execute("DELETE FROM counters").ok());
  EXPECT_THAT(Run(), Contains(HasSubstr("the counters of 1 queues are lost")));
  const auto db = *Connection::Open(to(), "");
  Statement statement(db.get(),
                      "SELECT accepted, completed_from, completed_next, dead_next FROM counters");
  Rows rows = statement.Query();
  ASSERT_TRUE(rows.Next());
  EXPECT_EQ(rows.As<uint64_t>(0), kWaitingTasks + kEndedTasks);
  EXPECT_EQ(rows.Int(1), 1);
  EXPECT_EQ(rows.As<uint64_t>(2), kEndedTasks + 1);
  EXPECT_EQ(rows.Int(3), 1);
}

TEST_F(StoreSalvageTest, AnEndedTaskIsNotAlsoWaiting) {
  {
    const auto db = *Connection::Open(from(), "");
    ASSERT_TRUE(db->Execute("UPDATE live SET place = place + 300 WHERE place & 65535 = 20").ok());
  }
  EXPECT_THAT(Run(), Contains(HasSubstr("1 tasks were both waiting and ended")));
  EXPECT_EQ(Inspect().waiting, kWaitingTasks - 1);
}

TEST_F(StoreSalvageTest, FilesThatAreNoStoreOrOfAnotherVersionAreLeftUntouched) {
  const std::string whole = Bytes();
  Put(std::string(kPageBytes, '\0'));
  EXPECT_FALSE(CanSalvageStore(from()));
  Put("");
  EXPECT_FALSE(CanSalvageStore(from()));
  Put(whole);
  EXPECT_TRUE(CanSalvageStore(from()));
  const auto marks = ReadStoreMarks(from());
  ASSERT_TRUE(marks.ok());
  EXPECT_EQ(marks->identity, 7u);
  EXPECT_EQ(marks->meta.applied, 77u);
  ASSERT_TRUE((*Connection::Open(from(), ""))->Execute("PRAGMA user_version = 99").ok());
  EXPECT_EQ(ReadStoreMarks(from()).status().code(), Code::kFailedPrecondition);
}

TEST_F(StoreSalvageTest, AnyPageDamagedLeavesAStoreThatIsWholeOrAnError) {
  const std::string whole = Bytes();
  SeededRandom random(1);
  for (size_t page = 0; page < whole.size(); page += kPageBytes) {
    std::string bytes = whole;
    for (int i = 0; i < 20; ++i)
      bytes[page + random.Below(kPageBytes)] ^= static_cast<char>(1 << random.Below(8));
    Put(bytes);
    Run();
    if (fs::exists(to()) && meta_) Inspect();
    ASSERT_FALSE(HasFailure()) << "page " << page / kPageBytes;
  }
}

}  // namespace
}  // namespace treadle
