#include "cli/bench/measurement.h"

#include <fmt/format.h>

namespace treadle::cli::bench {
namespace {

double Ms(int64_t us) { return static_cast<double>(us) / 1000; }

std::string OrBlank(const std::optional<int64_t>& number) {
  return number ? fmt::to_string(*number) : "";
}

std::string MsAt(const Measurement& measurement, double percent) {
  if (!measurement.latency) return "";
  return fmt::format("{:.2f}", Ms(measurement.latency->PercentileUs(percent)));
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
  if (m.batch) add("batch", fmt::to_string(*m.batch));
  if (m.callers) add("callers", fmt::to_string(*m.callers));
  if (m.coalesce) add("coalesce", '"' + std::string(CoalesceName(*m.coalesce)) + '"');
  if (m.payload_bytes) add("payload_bytes", fmt::to_string(*m.payload_bytes));
  if (!m.durability.empty()) add("durability", '"' + m.durability + '"');
  if (m.rate) add("rate", fmt::to_string(*m.rate));
  add("tasks", fmt::to_string(m.tasks));
  add("seconds", fmt::format("{:.3f}", m.seconds));
  add("per_s", fmt::format("{:.0f}", m.PerSecond()));
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
  return json + "}";
}

std::vector<Table::Column> Columns() {
  using enum Table::Align;
  return {{"WORKLOAD"},       {"BATCH", kRight},  {"CALLERS", kRight}, {"COALESCE"},
          {"TASKS", kRight},  {"PER S", kRight},  {"P50 MS", kRight},  {"P95 MS", kRight},
          {"P99 MS", kRight}, {"MAX MS", kRight}, {"CPU US", kRight},  {"BYTES", kRight}};
}

std::vector<Table::Cell> ToRow(const Measurement& m) {
  return {m.workload,
          OrBlank(m.batch),
          OrBlank(m.callers),
          m.coalesce ? std::string(CoalesceName(*m.coalesce)) : "",
          fmt::to_string(m.tasks),
          m.workload == "recovery" ? "" : fmt::format("{:.0f}", m.PerSecond()),
          MsAt(m, 50),
          MsAt(m, 95),
          MsAt(m, 99),
          m.latency ? fmt::format("{:.2f}", Ms(m.latency->max_us())) : "",
          m.server_cpu_us_per_task ? fmt::format("{:.1f}", *m.server_cpu_us_per_task) : "",
          m.rss_bytes_per_task ? fmt::format("{:.0f}", *m.rss_bytes_per_task) : ""};
}

}  // namespace treadle::cli::bench
