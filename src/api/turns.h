// Turns: limits how many pieces of work run at once, so that what they hold in memory is bounded;
// the others wait in line. Any thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "base/thread_annotations.h"

namespace treadle::api {

class Turns {
 public:
  /// Ends with its last copy, on any thread.
  using Turn = std::shared_ptr<void>;
  using Work = std::function<void(Turn)>;

  explicit Turns(size_t at_once) : line_(std::make_shared<Line>(at_once)) {}

  /// Runs `work` now, or on the thread that ends an earlier turn.
  void Take(Work work) { line_->Take(std::move(work)); }

 private:
  class Line : public std::enable_shared_from_this<Line> {
   public:
    explicit Line(size_t at_once) : free_(at_once) {}

    void Take(Work work) {
      {
        MutexLock lock(mutex_);
        if (free_ == 0) {
          waiting_.push_back(std::move(work));
          return;
        }
        --free_;
      }
      Begin(work);
    }

   private:
    void Begin(const Work& work) {
      work(Turn(nullptr, [line = shared_from_this()](void*) { line->End(); }));
    }

    void End() {
      Work next;
      {
        MutexLock lock(mutex_);
        if (waiting_.empty()) {
          ++free_;
          return;
        }
        next = std::move(waiting_.front());
        waiting_.pop_front();
      }
      Begin(next);
    }

    Mutex mutex_;
    size_t free_ TREADLE_GUARDED_BY(mutex_);
    std::deque<Work> waiting_ TREADLE_GUARDED_BY(mutex_);
  };

  std::shared_ptr<Line> line_;
};

}  // namespace treadle::api
