#include "loadgen/measurement.h"

#include <fmt/format.h>

#include <algorithm>

namespace treadle::loadgen {
namespace {

double Ms(int64_t us) { return static_cast<double>(us) / 1000; }

std::string Text(const std::optional<int64_t>& number) {
  return number ? fmt::to_string(*number) : "";
}

std::string Text(const std::optional<double>& number, int decimals) {
  return number ? fmt::format("{:.{}f}", *number, decimals) : "";
}

std::string MsAt(const Measurement& m, double percent) {
  return m.latency ? fmt::format("{:.2f}", Ms(m.latency->PercentileUs(percent))) : "";
}

struct Column {
  Table::Column head;
  std::string (*value)(const Measurement& m);
};

const std::vector<Column>& Columns() {
  using enum Table::Align;
  using M = Measurement;
  static const std::vector<Column> columns = {
      {{"WORKLOAD"}, [](const M& m) { return m.workload; }},
      {{"PART"}, [](const M& m) { return m.part; }},
      {{"BATCH", kRight}, [](const M& m) { return Text(m.batch); }},
      {{"CALLERS", kRight}, [](const M& m) { return Text(m.callers); }},
      {{"COALESCE"},
       [](const M& m) { return m.coalesce ? std::string(CoalesceName(*m.coalesce)) : ""; }},
      {{"QUEUED", kRight}, [](const M& m) { return Text(m.queued); }},
      {{"SCHEDULED", kRight}, [](const M& m) { return Text(m.scheduled); }},
      {{"TASKS", kRight}, [](const M& m) { return fmt::to_string(m.tasks); }},
      {{"PER S", kRight},
       [](const M& m) {
         return m.workload == "recovery" ? "" : fmt::format("{:.0f}", m.PerSecond());
       }},
      {{"RATIO", kRight}, [](const M& m) { return Text(m.ratio, 2); }},
      {{"P50 MS", kRight}, [](const M& m) { return MsAt(m, 50); }},
      {{"P95 MS", kRight}, [](const M& m) { return MsAt(m, 95); }},
      {{"P99 MS", kRight}, [](const M& m) { return MsAt(m, 99); }},
      {{"MAX MS", kRight},
       [](const M& m) { return m.latency ? fmt::format("{:.2f}", Ms(m.latency->max_us())) : ""; }},
      {{"REFUSED", kRight}, [](const M& m) { return Text(m.refused); }},
      {{"NORMAL S", kRight}, [](const M& m) { return Text(m.normal_after_s); }},
      {{"STALL MS", kRight}, [](const M& m) { return Text(m.stall_ms, 1); }},
      {{"ENQ STALL MS", kRight}, [](const M& m) { return Text(m.enqueue_stall_ms, 1); }},
      {{"TURN MS", kRight}, [](const M& m) { return Text(m.shard_turn_ms_max, 1); }},
      {{"TURN CPU MS", kRight}, [](const M& m) { return Text(m.shard_turn_cpu_ms_max, 1); }},
      {{"CPU US", kRight}, [](const M& m) { return Text(m.server_cpu_us_per_task, 1); }},
      {{"BYTES", kRight}, [](const M& m) { return Text(m.rss_bytes_per_task, 0); }}};
  return columns;
}

}  // namespace

std::string_view CoalesceName(Coalesce coalesce) {
  if (coalesce == Coalesce::kOff) return "off";
  return coalesce == Coalesce::kOn ? "on" : "async";
}

std::string ToJson(const Measurement& m) {
  std::string json = fmt::format(R"({{"workload":"{}")", m.workload);
  const auto add = [&json](std::string_view key, const std::string& value) {
    json += fmt::format(R"(,"{}":{})", key, value);
  };
  if (!m.part.empty()) add("part", '"' + m.part + '"');
  if (m.batch) add("batch", fmt::to_string(*m.batch));
  if (m.callers) add("callers", fmt::to_string(*m.callers));
  if (m.coalesce) add("coalesce", '"' + std::string(CoalesceName(*m.coalesce)) + '"');
  if (m.payload_bytes) add("payload_bytes", fmt::to_string(*m.payload_bytes));
  if (!m.durability.empty()) add("durability", '"' + m.durability + '"');
  if (m.rate) add("rate", fmt::to_string(*m.rate));
  if (m.queued) add("queued", fmt::to_string(*m.queued));
  if (m.scheduled) add("scheduled", fmt::to_string(*m.scheduled));
  add("tasks", fmt::to_string(m.tasks));
  add("seconds", fmt::format("{:.3f}", m.seconds));
  add("per_s", fmt::format("{:.0f}", m.PerSecond()));
  if (m.ratio) add("ratio", fmt::format("{:.3f}", *m.ratio));
  if (m.latency) {
    for (const auto& [key, percent] :
         {std::pair("p50_ms", 50.0), {"p95_ms", 95.0}, {"p99_ms", 99.0}})
      add(key, fmt::format("{:.3f}", Ms(m.latency->PercentileUs(percent))));
    add("max_ms", fmt::format("{:.3f}", Ms(m.latency->max_us())));
  }
  if (m.server_cpu_us_per_task)
    add("server_cpu_us_per_task", fmt::format("{:.2f}", *m.server_cpu_us_per_task));
  if (m.rss_bytes_per_task) add("rss_bytes_per_task", fmt::format("{:.0f}", *m.rss_bytes_per_task));
  if (m.checkpoints) add("checkpoints", fmt::to_string(*m.checkpoints));
  if (m.refused) add("refused", fmt::to_string(*m.refused));
  if (m.normal_after_s) add("normal_after_s", fmt::to_string(*m.normal_after_s));
  if (m.stall_ms) add("stall_ms", fmt::format("{:.1f}", *m.stall_ms));
  if (m.enqueue_stall_ms) add("enqueue_stall_ms", fmt::format("{:.1f}", *m.enqueue_stall_ms));
  if (m.shard_turn_ms_max) add("shard_turn_ms_max", fmt::format("{:.1f}", *m.shard_turn_ms_max));
  if (m.shard_turn_cpu_ms_max)
    add("shard_turn_cpu_ms_max", fmt::format("{:.1f}", *m.shard_turn_cpu_ms_max));
  return json + "}";
}

Table ToTable(const std::vector<Measurement>& measurements) {
  std::vector<const Column*> shown;
  std::vector<Table::Column> heads;
  for (const Column& column : Columns()) {
    const auto has_value = [&](const Measurement& m) { return !column.value(m).empty(); };
    if (std::ranges::none_of(measurements, has_value)) continue;
    shown.push_back(&column);
    heads.push_back(column.head);
  }
  Table table(std::move(heads));
  for (const Measurement& m : measurements) {
    std::vector<Table::Cell> row;
    row.reserve(shown.size());
    for (const Column* column : shown) row.emplace_back(column->value(m));
    table.Row(std::move(row));
  }
  return table;
}

}  // namespace treadle::loadgen
