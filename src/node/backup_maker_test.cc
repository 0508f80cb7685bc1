// One backup at a time, on a real disk. Under load, and through the program:
// tests/e2e/test_backup.py.
#include "node/backup_maker.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/posix_disk.h"
#include "base/random.h"
#include "journal/file_journal.h"
#include "store/sqlite/sqlite_store.h"

namespace treadle {
namespace {

namespace fs = std::filesystem;

class BackupMakerTest : public testing::Test {
 protected:
  BackupMakerTest() {
    std::string name = testing::TempDir() + "treadle_XXXXXX";
    base_ = mkdtemp(name.data());
    journal_ = *FileJournal::Open(&disk_, &random_, {.directory = base_ / "journal"});
    store_ = *SqliteStore::Open({.path = base_ / "store.db", .identity = journal_->identity()});
    checkpointer_ = NewCheckpointer(/*recovered=*/0);
  }
  ~BackupMakerTest() override { fs::remove_all(base_); }

  std::unique_ptr<Checkpointer> NewCheckpointer(uint64_t recovered) {
    return std::make_unique<Checkpointer>(1, journal_.get(), store_.get(), &clock_, StoreMeta(),
                                          recovered, 1 << 20, &watch_);
  }
  BackupMaker::Tools Tools(uint64_t reserve_bytes = 0) {
    return {.disk = &disk_,
            .clock = &clock_,
            .store = store_.get(),
            .checkpointer = checkpointer_.get(),
            .term = 3,
            .reserve_bytes = reserve_bytes};
  }
  fs::path Draft() const { return base_ / "one.backup.partial"; }

  PosixDisk disk_;
  SystemClock clock_;
  DiskWatch watch_;
  SystemRandom random_;
  fs::path base_;
  std::unique_ptr<FileJournal> journal_;
  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<Checkpointer> checkpointer_;
};

TEST_F(BackupMakerTest, AFileWithTheNameOfABackupIsWhole) {
  BackupMaker maker(Tools(), base_, "one.backup");
  Result<BackupMaker::Next> next = BackupMaker::Next::kAgain;
  while (next.ok() && *next == BackupMaker::Next::kAgain) {
    EXPECT_FALSE(fs::exists(base_ / "one.backup"));
    next = maker.Advance();
  }
  ASSERT_TRUE(next.ok()) << next.status().ToString();
  EXPECT_EQ(*next, BackupMaker::Next::kDone);
  EXPECT_EQ(maker.label().term, 3U);
  EXPECT_EQ(fs::file_size(base_ / "one.backup"), maker.label().store_bytes + kBackupLabelBytes);
  EXPECT_FALSE(fs::exists(Draft()));
}

// Frames of a checkpoint that was cut short would be in it in part, and no journal to mend that.
TEST_F(BackupMakerTest, AnUnevenStoreIsNotCopied) {
  checkpointer_ = NewCheckpointer(/*recovered=*/5);
  BackupMaker maker(Tools(), base_, "one.backup");
  for (int i = 0; i < 3; ++i) {
    const Result<BackupMaker::Next> next = maker.Advance();
    ASSERT_TRUE(next.ok());
    EXPECT_EQ(*next, BackupMaker::Next::kLater);
  }
  EXPECT_FALSE(fs::exists(Draft()));
}

TEST_F(BackupMakerTest, ABackupKeepsTheDiskReserveFree) {
  BackupMaker maker(Tools(/*reserve_bytes=*/UINT64_MAX / 2), base_, "one.backup");
  const Result<BackupMaker::Next> next = maker.Advance();
  EXPECT_EQ(next.status().code(), Code::kResourceExhausted);
  EXPECT_NE(next.status().message().find(base_.string()), std::string::npos);
}

TEST_F(BackupMakerTest, AnAbandonedBackupIsRemoved) {
  {
    BackupMaker maker(Tools(), base_, "one.backup");
    ASSERT_TRUE(maker.Advance().ok());
    EXPECT_TRUE(fs::exists(Draft()));
  }
  EXPECT_FALSE(fs::exists(Draft()));
  EXPECT_TRUE(store_->Write({.meta = StoreMeta{.applied = 1}}).ok());
}

}  // namespace
}  // namespace treadle
