// A whole node in memory, on one thread and on a simulated clock, for targets that call it as HTTP
// handlers do. Work posted to its executors runs at once, in order. Time moves only in Advance().
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/executor.h"
#include "base/random.h"
#include "base/time.h"
#include "journal/file_journal.h"
#include "node/node.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/fuzz/store_files.h"

namespace treadle::fuzz {

/// One executor for everything, which is also the clock.
class FuzzExecutor final : public Executor, public Clock {
 public:
  explicit FuzzExecutor(int64_t now_ms) : now_ms_(now_ms) {}

  void Post(std::function<void()> work) override {
    ready_.push_back(std::move(work));
    if (std::exchange(running_, true)) return;
    while (!ready_.empty()) {
      const std::function<void()> next = std::move(ready_.front());
      ready_.pop_front();
      next();
    }
    running_ = false;
  }
  void PostAfter(int64_t delay_ms, std::function<void()> work) override {
    delayed_.emplace(SaturatingAdd(now_ms_, delay_ms), std::move(work));
  }
  /// Advances by `ms` and runs everything due on the way at its time.
  void Advance(int64_t ms) {
    const int64_t end = now_ms_ + ms;
    while (!delayed_.empty() && delayed_.begin()->first <= end) {
      auto due = delayed_.extract(delayed_.begin());
      now_ms_ = due.key();
      Post(std::move(due.mapped()));
    }
    now_ms_ = end;
  }

  WallTime Wall() override { return {1'700'000'000'000 + now_ms_}; }
  int64_t MonotonicMs() override { return now_ms_; }

 private:
  std::deque<std::function<void()>> ready_;
  std::multimap<int64_t, std::function<void()>> delayed_;
  int64_t now_ms_;
  bool running_ = false;
};

class NodeFixture {
 public:
  NodeFixture() { Open(); }

  /// Kills the node as kill -9 does and starts it again.
  void Restart() {
    node_.reset();
    executor_ = std::make_unique<FuzzExecutor>(executor_->MonotonicMs());
    Open();
  }

  Node* node() { return node_.get(); }
  FuzzExecutor* executor() { return executor_.get(); }

 private:
  void Open() {
    NodeStorage storage;
    auto journal = *FileJournal::Open(files_.disk(), &random_,
                                      {.directory = "/data/journal", .segment_bytes = 256 << 10});
    storage.store = *SqliteStore::Open({"/data/store.db", journal->identity(), ""});
    storage.journal = std::move(journal);
    NodeEnvironment environment{
        .disk = files_.disk(), .clock = executor_.get(), .random = &random_};
    environment.shard = environment.journal = environment.checkpoint = environment.reader =
        executor_.get();
    environment.on_fatal = [](const Status& status) { TREADLE_CHECK(status.ok()); };
    environment.log = [](const std::string&) {};
    NodeOptions options{.directory = "/data", .disk_reserve_bytes = 0, .ballast_bytes = 4096};
    options.checkpoint_bytes = 16 << 10;
    options.payload_memory_bytes = 4 << 10;
    auto node = Node::Open(options, environment, std::move(storage));
    TREADLE_CHECK(node.ok());
    node_ = *std::move(node);
  }

  StoreFiles files_;
  SeededRandom random_{1};
  std::unique_ptr<FuzzExecutor> executor_ = std::make_unique<FuzzExecutor>(0);
  std::unique_ptr<Node> node_;
};

}  // namespace treadle::fuzz
