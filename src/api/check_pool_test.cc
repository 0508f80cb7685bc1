#include "api/check_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>

namespace treadle::api {
namespace {

// Keeps one thread of a pool until Release().
class Blocker {
 public:
  explicit Blocker(CheckPool* pool) {
    std::promise<void> begun;
    pool->Post([this, &begun](const Status&) {
      begun.set_value();
      released_.get_future().wait();
    });
    begun.get_future().wait();
  }
  void Release() { released_.set_value(); }

 private:
  std::promise<void> released_;
};

TEST(CheckPool, WorkRunsOnThreadsOfThePool) {
  CheckPool pool({.threads = 2});
  std::promise<std::thread::id> ran;
  pool.Post([&](const Status& turn) {
    EXPECT_TRUE(turn.ok());
    ran.set_value(std::this_thread::get_id());
  });
  EXPECT_NE(ran.get_future().get(), std::this_thread::get_id());
}

TEST(CheckPool, WorkBeyondTheBoundIsRefusedAtOnce) {
  CheckPool pool({.threads = 1, .waiting_max = 1});
  Blocker blocker(&pool);
  std::promise<bool> second;
  pool.Post([&](const Status& turn) { second.set_value(turn.ok()); });
  Status third;
  pool.Post([&](const Status& turn) { third = turn; });
  EXPECT_EQ(third.code(), Code::kUnavailable);
  EXPECT_GT(third.retry_after_ms(), 0);
  blocker.Release();
  EXPECT_TRUE(second.get_future().get());
}

TEST(CheckPool, WorkThatWaitedTooLongIsRefused) {
  CheckPool pool({.threads = 1, .wait_ms_max = -1});
  std::promise<Code> code;
  pool.Post([&](const Status& turn) { code.set_value(turn.code()); });
  EXPECT_EQ(code.get_future().get(), Code::kUnavailable);
}

TEST(CheckPool, StopRefusesWaitingAndNewWork) {
  CheckPool pool({.threads = 1});
  auto blocker = std::make_unique<Blocker>(&pool);
  std::atomic<int> refused = 0;
  for (int i = 0; i < 3; ++i)
    pool.Post([&](const Status& turn) { refused += turn.code() == Code::kUnavailable; });
  std::thread stopping([&] { pool.Stop(); });
  // Once it refuses because it stops, and not because it is full, what waited is its own.
  bool stops = false;
  while (!stops) {
    const auto told = std::make_shared<std::atomic<bool>>(false);
    pool.Post([told](const Status& turn) { *told = turn.message() == "the server is stopping"; });
    stops = *told;
  }
  blocker->Release();
  stopping.join();
  EXPECT_EQ(refused, 3);
}

}  // namespace
}  // namespace treadle::api
