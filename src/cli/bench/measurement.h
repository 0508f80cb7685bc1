// One result of `treadle bench`: a row of its table, a line of its JSON. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/bench/histogram.h"
#include "cli/table.h"

namespace treadle::cli::bench {

/// Whether single enqueues go to the server together: no; those that wait at the same time; all
/// that callers give without waiting.
enum class Coalesce { kOff, kOn, kAsync };
std::string_view CoalesceName(Coalesce coalesce);

struct Measurement {
  std::string workload;
  std::optional<int64_t> batch;
  std::optional<int64_t> callers;
  std::optional<Coalesce> coalesce;
  std::optional<int64_t> payload_bytes;
  std::string durability;
  std::optional<int64_t> rate;  // asked for, per second
  int64_t tasks = 0;
  double seconds = 0;
  std::optional<Histogram> latency;
  std::optional<double> server_cpu_us_per_task;
  std::optional<double> rss_bytes_per_task;
  std::optional<int64_t> checkpoints;  // that ran meanwhile

  double PerSecond() const { return seconds > 0 ? static_cast<double>(tasks) / seconds : 0; }
};

/// One line without its end. Fields that do not apply are left out.
std::string ToJson(const Measurement& measurement);

/// Of a table with these columns.
std::vector<Table::Column> Columns();
std::vector<Table::Cell> ToRow(const Measurement& measurement);

}  // namespace treadle::cli::bench
