// SwappableGuard: the guard in force, which a reload replaces while requests are being checked.
// Any thread. A request is checked by one guard from its first question to its last.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "base/thread_annotations.h"
#include "http/guard.h"

namespace treadle::app {

class SwappableGuard {
 public:
  void Swap(std::shared_ptr<const http::Guard> guard) {
    MutexLock lock(mutex_);
    guard_ = std::move(guard);
  }
  std::optional<http::Response> Check(const http::Request& request) const {
    return InForce()->Check(request);
  }

 private:
  std::shared_ptr<const http::Guard> InForce() const {
    MutexLock lock(mutex_);
    return guard_;
  }

  mutable Mutex mutex_;
  std::shared_ptr<const http::Guard> guard_ TREADLE_GUARDED_BY(mutex_);
};

}  // namespace treadle::app
