// RecoveryProgress: how far a node is with its opening, for those who wait for it.
#pragma once

#include <atomic>
#include <cstdint>

namespace treadle {

/// Written by the thread that opens the node, read by any. Totals are 0 until they are known.
struct RecoveryProgress {
  std::atomic<uint64_t> tasks{0};  // read from the store
  std::atomic<uint64_t> tasks_total{0};
  std::atomic<uint64_t> frames{0};  // replayed from the journal
  std::atomic<uint64_t> frames_total{0};
};

}  // namespace treadle
