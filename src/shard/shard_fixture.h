// A part of a shard by itself: an engine, a journal and a store in a directory, and executors that
// the test moves by hand.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/hand_executor.h"
#include "base/hash.h"
#include "base/posix_disk.h"
#include "journal/file_journal.h"
#include "shard/environment.h"
#include "shard/frames.h"
#include "shard/shard_services.h"
#include "store/sqlite/sqlite_store.h"

namespace treadle {

/// The journal of the test, which can be made to fail.
class FailingJournal final : public Journal {
 public:
  explicit FailingJournal(std::unique_ptr<Journal> journal) : journal_(std::move(journal)) {}

  uint32_t term() const override { return journal_->term(); }
  uint64_t first_sequence() const override { return journal_->first_sequence(); }
  uint64_t recovered_sequence() const override { return journal_->recovered_sequence(); }
  Status Append(std::span<const Frame> frames, Durability durability) override {
    ++appends;
    return failure.ok() ? journal_->Append(frames, durability) : failure;
  }
  Status Sync() override { return failure.ok() ? (++syncs, journal_->Sync()) : failure; }
  Status Read(uint64_t from, uint64_t to, const Visitor& visit) override {
    return journal_->Read(from, to, visit);
  }
  Status Trim(uint64_t sequence) override { return journal_->Trim(sequence); }
  bool HasRoomFor(uint64_t bytes) const override { return journal_->HasRoomFor(bytes); }
  Status MakeRoom() override { return journal_->MakeRoom(); }

  Status failure;
  int appends = 0;
  int syncs = 0;  // by Sync()

 private:
  std::unique_ptr<Journal> journal_;
};

class ShardPartTest : public testing::Test, protected ShardServices, protected ShardEvents {
 protected:
  explicit ShardPartTest(const NodeOptions& options = {}) : options_(options) {
    std::filesystem::create_directories(directory_);
    auto journal = *FileJournal::Open(
        &disk_, &random_, {.directory = directory_ + "/journal", .segment_bytes = 1 << 20});
    store_ = *SqliteStore::Open({directory_ + "/store.db", journal->identity(), ""});
    journal_ = std::make_unique<FailingJournal>(std::move(journal));
    checkpointer_ = std::make_unique<Checkpointer>(/*shard=*/1, journal_.get(), store_.get(),
                                                   &clock_, StoreMeta{}, /*recovered=*/0,
                                                   /*transaction_bytes=*/1 << 20, &watch_);
    appends_ = std::make_unique<JournalQueue>(journal_.get(), &writer_, &watch_, &clock_);
    env_ = {.clock = &clock_,
            .random = &random_,
            .loop = &loop_,
            .checkpoint = &checkpoint_,
            .reader = &reader_,
            .journal = journal_.get(),
            .appends = appends_.get(),
            .store = store_.get(),
            .checkpointer = checkpointer_.get(),
            .watch = &watch_,
            .space = nullptr,
            .memory = &memory_,
            .on_fatal = [](const Status&) {},
            .log = [this](const std::string& line) { log_.push_back(line); }};
    KeepFree(0);
    frames_.reset(new Frames(this, this, env_, options_));
  }
  ~ShardPartTest() override {
    store_ = nullptr;
    std::filesystem::remove_all(directory_);
  }

  /// The disk is nearly full once less than this is free on it.
  void KeepFree(uint64_t bytes) {
    space_ = std::make_unique<SpaceGuard>(
        &disk_, journal_.get(), store_.get(),
        SpaceGuard::Options{.directory = directory_, .reserve_bytes = bytes, .ballast_bytes = 0},
        [](const std::string&) {});
    env_.space = space_.get();
    ASSERT_TRUE(space_->Check(/*waiting_bytes=*/0).ok());
  }
  static std::string Payload(size_t bytes) { return '"' + std::string(bytes, 'x') + '"'; }
  /// Changes the engine within the open batch.
  TaskId Enqueue(size_t payload_bytes = 10) {
    auto body = std::make_shared<TaskBody>();
    body->payload = Payload(payload_bytes);
    body->payload_sha256 = Sha256Of(body->payload);
    const NewTask task{.queue = "mail", .type = "send", .body = body};
    return Open().Enqueue(*EnqueueCommand::Make({task}))->tasks.at(0).id;
  }
  /// A reply that notes its name.
  void Reply(const std::string& name) {
    Reply([this, name] { answered_.push_back(name); });
  }
  /// All that is due, wherever, until nothing is.
  void RunAll() {
    while (loop_.RunDue() | writer_.RunDue() | checkpoint_.RunDue() | reader_.RunDue()) {
    }
  }
  void PassMs(int64_t ms) {
    clock_.now_ms += ms;
    RunAll();
  }

  Engine& Open() override { return frames_->Open(); }
  Engine& engine() override { return engine_; }
  void Reply(std::function<void()> reply) override { frames_->Reply(std::move(reply)); }
  void Load(std::vector<TaskId>, Then) override { FAIL(); }
  void LoadLane(std::vector<TaskId>, Then) override { FAIL(); }
  uint64_t stored_frame() const override { return 0; }
  void WhenStored(int64_t, std::function<void(bool)>) override { FAIL(); }
  void After(int64_t delay_ms, std::function<void()> work) override {
    loop_.PostAfter(delay_ms, std::move(work));
  }
  BatchTime Now() override { return {{clock_.now_ms}, {clock_.now_ms}, random_.Next()}; }
  int64_t MonotonicMs() const override { return clock_.now_ms; }
  void Fail(const Status& status) override { failure_ = status; }
  bool has_failed() const override { return !failure_.ok(); }
  bool is_closing() const override { return closing_; }
  ShardStats& stats() override { return stats_; }
  void OnTurn() override { frames_->EndTurn(); }
  void OnDurable(uint64_t, uint64_t bytes) override { stats_.journal_bytes += bytes; }
  void OnCheckpoint() override {}
  void OnTick() override {}

  const std::string directory_ = testing::TempDir() + "shard_part." + std::to_string(getpid());
  PosixDisk disk_;
  SeededRandom random_{1};
  HandClock clock_;
  HandExecutor loop_{&clock_};
  HandExecutor writer_{&clock_};
  HandExecutor checkpoint_{&clock_};
  HandExecutor reader_{&clock_};
  std::vector<std::string> log_;
  std::vector<std::string> answered_;
  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<FailingJournal> journal_;
  std::unique_ptr<JournalQueue> appends_;
  DiskWatch watch_;
  std::unique_ptr<Checkpointer> checkpointer_;
  MemoryUse memory_use_{.used_bytes = 0, .limit_bytes = uint64_t{1} << 30, .bound = "the test"};
  MemoryGuard memory_{[this] { return memory_use_; }, [](const std::string&) {}};
  std::unique_ptr<SpaceGuard> space_;
  ShardEnvironment env_;
  const NodeOptions options_;
  Engine engine_{1, 7};
  ShardStats stats_;
  Status failure_;
  bool closing_ = false;
  std::unique_ptr<Frames> frames_;
};

}  // namespace treadle
