// KeyMaker: idempotency keys that no other client makes, and that the server soon forgets. With
// one, an enqueue whose answer was lost can be sent again and still adds one task. Any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "base/hash.h"
#include "base/random.h"

namespace treadle {

class KeyMaker {
 public:
  /// `timeout`: of a call with all its tries. A key lasts longer.
  explicit KeyMaker(std::chrono::milliseconds timeout)
      : prefix_(R"(,"idempotency_key":"treadle-cpp-)" + Random() + Random() + "-"),
        window_(R"(","idempotency_window_ms":)" +
                std::to_string(std::max<int64_t>(2 * timeout.count(), 60'000)) + "}") {}

  /// Adds a new key to the JSON object of a task.
  void AddTo(std::string* task) {
    task->back() = ',';
    task->append(prefix_, 1).append(std::to_string(++number_)).append(window_);
  }

 private:
  static std::string Random() {
    const uint64_t number = SystemRandom().Next();
    return ToHex({reinterpret_cast<const char*>(&number), sizeof(number)});
  }

  const std::string prefix_;
  const std::string window_;
  std::atomic<uint64_t> number_ = 0;
};

}  // namespace treadle
