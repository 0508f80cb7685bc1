// One result of `treadle bench`: a row of its table, a line of its JSON. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "console/table.h"
#include "loadgen/histogram.h"

namespace treadle::loadgen {

/// Whether single enqueues go to the server together: no; those that wait at the same time; all
/// that callers give without waiting.
enum class Coalesce { kOff, kOn, kAsync };
std::string_view CoalesceName(Coalesce coalesce);

struct Measurement {
  std::string workload;
  std::string part;  // of a workload that has several
  std::optional<int64_t> batch;
  std::optional<int64_t> callers;
  std::optional<Coalesce> coalesce;
  std::optional<int64_t> payload_bytes;
  std::string durability;
  std::optional<int64_t> rate;       // asked for, per second
  std::optional<int64_t> queued;     // that waited meanwhile
  std::optional<int64_t> scheduled;  // not yet due meanwhile
  int64_t tasks = 0;
  double seconds = 0;
  std::optional<double> ratio;  // of its rate, to that of the same with few tasks
  std::optional<Histogram> latency;
  std::optional<double> server_cpu_us_per_task;
  std::optional<double> rss_bytes_per_task;
  std::optional<int64_t> checkpoints;  // that ran meanwhile
  std::optional<int64_t> refused;      // tasks, by a server that was full
  // How many whole seconds after a burst latency was as before.
  std::optional<int64_t> normal_after_s;
  std::optional<double> stall_ms;          // the longest time without a completed task
  std::optional<double> enqueue_stall_ms;  // the longest time without an answered enqueue
  std::optional<double> shard_turn_ms_max;
  std::optional<double> shard_turn_cpu_ms_max;  // so long did one have a processor

  double PerSecond() const { return seconds > 0 ? static_cast<double>(tasks) / seconds : 0; }
};

/// One line without its end. Fields that do not apply are left out.
std::string ToJson(const Measurement& measurement);

/// A row each, with the columns that any of them needs.
Table ToTable(const std::vector<Measurement>& measurements);

}  // namespace treadle::loadgen
