// MemoryBudget: the memory that all in-flight request and response bodies may use. Inside
// http/ only.
//
// One for a server; a connection has one Share of it: the body of its request until that is
// answered, then the answer until it is written. Small bodies do not count, so that most requests
// cost nothing here and continue when large ones have used up the budget: their number is bounded
// by that of the connections.
//
// A budget may be used by any thread; a share by one at a time.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace treadle::http {

class MemoryBudget {
 public:
  static constexpr size_t kSmallBytes = 16 * 1024;

  explicit MemoryBudget(size_t bytes_max) : bytes_max_(bytes_max) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

  /// What one holder has of the budget, and gives back with its end.
  class Share {
   public:
    /// Borrows `budget`.
    explicit Share(MemoryBudget* budget) : budget_(budget) {}
    ~Share() { Resize(0); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    /// Counts a body of this many bytes, in place of what was counted before. False, and nothing
    /// has changed, if it grows beyond what is left.
    bool Resize(size_t body_bytes) {
      const size_t bytes = body_bytes > kSmallBytes ? body_bytes : 0;
      if (bytes > bytes_ && !budget_->Take(bytes - bytes_)) return false;
      if (bytes < bytes_) budget_->Return(bytes_ - bytes);
      bytes_ = bytes;
      return true;
    }
    /// The same, whatever is left.
    void ResizeAnyway(size_t body_bytes) {
      const size_t bytes = body_bytes > kSmallBytes ? body_bytes : 0;
      budget_->bytes_.fetch_add(bytes - std::exchange(bytes_, bytes), std::memory_order_relaxed);
    }

   private:
    MemoryBudget* const budget_;
    size_t bytes_ = 0;
  };

 private:
  bool Take(size_t bytes) {
    if (bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= bytes_max_) return true;
    Return(bytes);
    return false;
  }
  void Return(size_t bytes) { bytes_.fetch_sub(bytes, std::memory_order_relaxed); }

  const size_t bytes_max_;
  std::atomic<size_t> bytes_{0};
};

}  // namespace treadle::http
