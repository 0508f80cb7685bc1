// MemoryGuard: sees the end of memory coming. Enqueues are refused early; leases, reports and a
// checkpoint still fit.
//
// Tasks that wait are what fills a server's memory, so refusing new ones bounds it, and draining
// gives it back. A reserve is kept for everything else: in-flight replies, the checkpoint's fold,
// payloads read back for leases. Check() from one thread at a time; the rest any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "base/status.h"

namespace treadle {

/// The memory of this process against the bound that it will meet first.
struct MemoryUse {
  uint64_t used_bytes = 0;
  uint64_t limit_bytes = 0;
  std::string bound;  // what sets the limit: "server.memory_max", "the limit of address space"
};

class MemoryGuard {
 public:
  using Probe = std::function<MemoryUse()>;
  using Log = std::function<void(const std::string&)>;

  /// `probe` may be empty: memory is not bounded.
  MemoryGuard(Probe probe, Log log) : probe_(std::move(probe)), log_(std::move(log)) {}

  /// Of `limit_bytes`, what new tasks may not take.
  static uint64_t ReserveOf(uint64_t limit_bytes);

  /// Measures, and decides whether enqueues are accepted.
  void Check();

  /// OK, or RESOURCE_EXHAUSTED with what is used, the bound, and when to try again.
  Status Refusal() const;
  /// What may be added before the next Check() without touching the reserve, as of the last one.
  uint64_t spendable_bytes() const { return spendable_.load(std::memory_order_relaxed); }

 private:
  const Probe probe_;
  const Log log_;
  std::atomic<bool> refuses_{false};
  std::atomic<uint64_t> spendable_{UINT64_MAX};
};

}  // namespace treadle
