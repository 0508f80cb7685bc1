// EngineFixture: what tests of the engine share: one engine, batches, and plain tasks. Tests only.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "engine/engine.h"

namespace treadle {

class EngineFixture : public testing::Test {
 protected:
  static NewTask Task(const std::string& key = "", const std::string& queue = "default") {
    auto body = std::make_shared<TaskBody>();
    body->payload = "\"payload\"";
    body->payload_sha256 = Sha256Of(body->payload);
    body->idempotency_key = key;
    return {.queue = queue, .type = "hello", .body = body};
  }

  /// What `work` answers in a batch of its own.
  template <class Work>
  auto InBatch(Work work) {
    effects_.clear();
    engine_.BeginBatch(++frame_, {ShardTime{1'000}, WallTime{1'000'000}, 1}, &effects_);
    auto answer = work();
    engine_.EndBatch();
    return answer;
  }
  void Configure(const std::string& queue, const QueuePolicy& policy) {
    ASSERT_TRUE(InBatch([&] { return engine_.Configure(queue, policy); }).ok());
  }

  Engine engine_{1, 7};
  std::string effects_;
  uint64_t frame_ = 0;
};

}  // namespace treadle
