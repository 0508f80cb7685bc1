#include "shard/memory_guard.h"

#include <algorithm>

namespace treadle {
namespace {

constexpr int64_t kMemoryRetryMs = 5'000;
constexpr uint64_t kReserveMin = uint64_t{32} << 20;
constexpr uint64_t kReserveMax = uint64_t{512} << 20;
constexpr uint64_t kMiB = uint64_t{1} << 20;

}  // namespace

uint64_t MemoryGuard::ReserveOf(uint64_t limit_bytes) {
  return std::clamp(limit_bytes / 4, kReserveMin, kReserveMax);
}

void MemoryGuard::Check() {
  if (!probe_) return;
  const MemoryUse use = probe_();
  const uint64_t reserve = ReserveOf(use.limit_bytes);
  const uint64_t room = use.limit_bytes - std::min(use.limit_bytes, use.used_bytes);
  // Once it refuses it does so until there is some more room, so that it does not flutter.
  const uint64_t wanted = reserve + (refuses_ ? reserve / 8 : 0);
  const bool enough = room >= wanted;
  spendable_ = enough ? room - reserve : 0;
  if (refuses_.exchange(!enough) == !enough) return;
  log_(enough ? "memory is available again: new tasks are accepted"
              : "memory is nearly full (" + std::to_string(use.used_bytes / kMiB) + " of " +
                    std::to_string(use.limit_bytes / kMiB) + " MiB, " + use.bound +
                    "): new tasks are refused until others end or are deleted");
}

Status MemoryGuard::Refusal() const {
  if (!refuses_) return {};
  return Status(Code::kResourceExhausted,
                "the server's memory is nearly full; it accepts new tasks again when others end "
                "(see server.memory_max)")
      .WithRetryAfter(kMemoryRetryMs);
}

}  // namespace treadle
