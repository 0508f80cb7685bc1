// Recovery from stores whose rows are damaged in ways that no digest shows.
#include "shard/recovery.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>

#include "base/hash.h"
#include "base/posix_disk.h"
#include "base/random.h"
#include "journal/file_journal.h"
#include "journal/journal_salvage.h"
#include "store/sqlite/edit_rows.h"
#include "store/sqlite/row_digest.h"
#include "store/sqlite/sqlite_store.h"

namespace treadle {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kApplied = 77;

class RecoveryTest : public testing::Test {
 public:
  ~RecoveryTest() override { fs::remove_all(directory_); }

 protected:
  RecoveryTest() {
    fs::create_directories(directory_);
    const auto store = *SqliteStore::Open({StorePath(), /*identity=*/7, ""});
    StoreChanges changes;
    changes.queues = {{1, "mail", {}}};
    changes.types = {{1, "send"}};
    auto body = std::make_shared<TaskBody>();
    body->payload = "1";
    body->payload_sha256 = Sha256Of("1");
    TaskChange task{.is_new = true};
    task.now.image = {.id = TaskId::Of(1, 1), .queue = 1, .type = 1};
    task.now.body = body;
    changes.tasks = {task};
    changes.counters = {{.queue = 1, .accepted = 1}};
    changes.meta = StoreMeta{.applied = kApplied, .next_sequence = 2, .term = 3};
    EXPECT_TRUE(store->Write(changes).ok());
    EXPECT_TRUE(
        WriteEmptyJournal(&disk_, Path("journal"),
                          {.number = 1, .identity = 7, .term = 10, .first_sequence = kApplied + 1})
            .ok());
  }
  // What recovery says after `sql`, of rows that match their digests all the same.
  Status After(const std::string& sql) {
    const auto db = Connect();
    EXPECT_TRUE(db->Execute(sql).ok()) << sql;
    return AfterChanging(db.get());
  }
  // And after its task was made another.
  Status After(const std::function<void(TaskImage*)>& edit) {
    const auto db = Connect();
    const Status edited = EditRows(db.get(), TaskTable::kLive, [&](TaskRow* task) {
      edit(&task->image);
      return true;
    });
    EXPECT_TRUE(edited.ok()) << edited.ToString();
    return AfterChanging(db.get());
  }

 private:
  std::unique_ptr<Connection> Connect() const {
    auto db = *Connection::Open(StorePath(), "");
    EXPECT_TRUE(AddRowDigest(db.get()).ok());
    return db;
  }
  Status AfterChanging(Connection* db) {
    for (const std::string_view table : DigestedTables())
      EXPECT_TRUE(db->Execute(UpdateRow(table, {})).ok());
    const auto store = *SqliteStore::Open({StorePath(), 7, ""});
    SeededRandom random(1);
    const auto journal = *FileJournal::Open(&disk_, &random, {Path("journal"), 8192});
    return Recover(1, journal.get(), store.get()).status();
  }

  std::string Path(const char* name) const { return directory_ / name; }
  std::string StorePath() const { return Path("store.db"); }

  fs::path directory_ =
      fs::temp_directory_path() / ("treadle-recovery-test-" + std::to_string(getpid()));
  PosixDisk disk_;
};

TEST_F(RecoveryTest, CountersThatWouldTakeAllMemoryAreDataLoss) {
  EXPECT_TRUE(After("SELECT 1").ok());
  EXPECT_EQ(After("UPDATE counters SET dead_next = 1 << 40").code(), Code::kDataLoss);
  EXPECT_EQ(After("UPDATE counters SET dead_next = 1, dead_from = 2").code(), Code::kDataLoss);
  EXPECT_EQ(After("UPDATE counters SET dead_from = 0").code(), Code::kDataLoss);
  EXPECT_TRUE(After("UPDATE counters SET dead_from = 1").ok());
}

TEST_F(RecoveryTest, MoreOrFewerTasksThanItsQueueCountsAreDataLoss) {
  EXPECT_EQ(After("UPDATE counters SET accepted = 0").code(), Code::kDataLoss);
  EXPECT_TRUE(After("UPDATE counters SET accepted = 1").ok());
  EXPECT_EQ(After("DELETE FROM live").code(), Code::kDataLoss);
}

TEST_F(RecoveryTest, ATaskOfAnotherShardOrNoPlaceInALaneIsDataLoss) {
  const auto with_id = [](TaskId id) { return [id](TaskImage* image) { image->id = id; }; };
  EXPECT_EQ(After(with_id(TaskId::Of(2, 1))).code(), Code::kDataLoss);
  EXPECT_EQ(After(with_id(TaskId::Of(1, 0))).code(), Code::kDataLoss);
  EXPECT_EQ(After(with_id(TaskId::Of(1, 2))).code(), Code::kDataLoss);
  EXPECT_TRUE(After(with_id(TaskId::Of(1, 1))).ok());
  EXPECT_EQ(After("UPDATE live SET place = place + 1").code(), Code::kDataLoss);
  EXPECT_EQ(After("UPDATE live SET place = place - 1 + (1 << 48)").code(), Code::kDataLoss);
  EXPECT_TRUE(After("UPDATE live SET place = place - (1 << 48)").ok());
  EXPECT_EQ(After("UPDATE lane SET rank = 5").code(), Code::kDataLoss);
  EXPECT_TRUE(After("UPDATE lane SET rank = 4").ok());
  EXPECT_EQ(After([](TaskImage* image) { image->priority = 65; }).code(), Code::kDataLoss);
}

}  // namespace
}  // namespace treadle
