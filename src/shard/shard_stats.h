// What a shard counts of itself. Plain values.
#pragma once

#include <cstdint>

namespace treadle {

struct ShardStats {
  uint64_t tasks_enqueued = 0;
  uint64_t tasks_leased = 0;
  uint64_t tasks_completed = 0;
  uint64_t tasks_failed = 0;
  uint64_t leases_lost = 0;
  uint64_t frames = 0;
  uint64_t journal_bytes = 0;
  uint64_t journal_backlog_bytes = 0;  // not yet in the store
  uint64_t checkpoints = 0;
  uint64_t payload_memory_bytes = 0;
  uint64_t exchanges_parked = 0;
  bool enqueue_refused = false;      // disk nearly full
  int64_t checkpoint_age_ms = 0;     // of the oldest durable frame that is not in the store
  int64_t journal_write_age_ms = 0;  // see DiskWatch
  int64_t store_write_age_ms = 0;
  int64_t uptime_ms = 0;
};

}  // namespace treadle
