// GET /metrics: the text format of Prometheus, collected when asked.

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <limits>

#include "api/handlers.h"
#include "api/text_in.h"

namespace treadle::api {
namespace {

using Families = std::vector<prometheus::MetricFamily>;
using prometheus::MetricType;

class Metrics {
 public:
  void Counter(std::string_view name, std::string_view help, uint64_t value) {
    Start(name, help, MetricType::Counter);
    Counted({}, value);
  }
  void Gauge(std::string_view name, std::string_view help, double value) {
    Start(name, help, MetricType::Gauge);
    Gauged({}, value);
  }
  void Start(std::string_view name, std::string_view help, MetricType type) {
    families_.push_back({std::string(name), std::string(help), type, {}});
  }
  using Labels = std::vector<prometheus::ClientMetric::Label>;
  void Counted(Labels labels, uint64_t value) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    metric.counter.value = static_cast<double>(value);
    families_.back().metric.push_back(std::move(metric));
  }
  void Gauged(Labels labels, double value) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    metric.gauge.value = value;
    families_.back().metric.push_back(std::move(metric));
  }
  void Histogram(std::string_view name, std::string_view help, const TurnTimes& times) {
    Start(name, help, MetricType::Histogram);
    prometheus::ClientMetric metric;
    auto& histogram = metric.histogram;
    for (size_t i = 0; i < times.counts().size(); ++i) {
      histogram.sample_count += times.counts()[i];
      const double bound = i < TurnTimes::kBoundsUs.size()
                               ? static_cast<double>(TurnTimes::kBoundsUs[i]) / 1'000'000
                               : std::numeric_limits<double>::infinity();
      histogram.bucket.push_back({histogram.sample_count, bound});
    }
    histogram.sample_sum = static_cast<double>(times.total_ns()) / 1'000'000'000;
    families_.back().metric.push_back(std::move(metric));
  }
  std::string Text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  Families families_;
};

double ResidentBytes() {
  FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  int64_t total = 0;
  int64_t resident = 0;
  const int read = std::fscanf(file, "%" SCNd64 " %" SCNd64, &total, &resident);
  std::fclose(file);
  return read == 2 ? static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) : 0;
}

constexpr int64_t kListedQueuesDefault = 100;
constexpr int64_t kListedQueuesMax = 1'000;
constexpr char kOthers[] = "(other)";  // no queue can have this name

void AddTasks(const std::string& queue, const TaskCounts& tasks, Metrics* out) {
  for (const TaskState state : kTaskStates)
    out->Gauged({{"queue", queue}, {"state", std::string(*TaskStateName(state))}},
                static_cast<double>(tasks[static_cast<size_t>(state)]));
}

void AddQueues(const QueueSummary& all, Metrics* out) {
  out->Gauge("treadle_queues", "Number of queues", static_cast<double>(all.queues));
  out->Start("treadle_tasks",
             "Tasks kept, by queue and state. Only the queues with the largest backlogs are listed "
             "(/metrics?queues=N); queue=\"(other)\" sums the rest",
             MetricType::Gauge);
  TaskCounts others = all.tasks;
  for (const QueueCounts& queue : all.listed) {
    AddTasks(queue.name, queue.tasks, out);
    for (size_t i = 0; i < others.size(); ++i) others[i] -= queue.tasks[i];
  }
  if (all.listed.size() < all.queues) AddTasks(kOthers, others, out);
  // Without the rest: a sum over changing queues would fall, and a counter must not.
  out->Start("treadle_tasks_accepted_total", "Tasks ever accepted, by listed queue",
             MetricType::Counter);
  for (const QueueCounts& queue : all.listed)
    out->Counted({{"queue", queue.name}}, queue.counters.accepted);
  out->Start("treadle_tasks_removed_total", "Tasks no longer kept, by listed queue and reason",
             MetricType::Counter);
  for (const QueueCounts& queue : all.listed)
    for (size_t i = 0; i < kRemovals; ++i)
      out->Counted(
          {{"queue", queue.name}, {"reason", std::string(RemovalName(static_cast<Removal>(i)))}},
          queue.counters.removed[i]);
}

void AddNode(const NodeStats& stats, Metrics* out) {
  out->Counter("treadle_enqueued_total", "Tasks enqueued since start", stats.tasks_enqueued);
  out->Counter("treadle_leased_total", "Leases granted since start", stats.tasks_leased);
  out->Counter("treadle_completed_total", "Attempts completed since start", stats.tasks_completed);
  out->Counter("treadle_failed_total", "Attempts failed since start", stats.tasks_failed);
  out->Counter("treadle_leases_lost_total", "Leases that expired since start", stats.leases_lost);
  out->Counter("treadle_journal_frames_total", "Frames appended since start", stats.frames);
  out->Counter("treadle_journal_bytes_total", "Bytes appended since start", stats.journal_bytes);
  out->Gauge("treadle_journal_backlog_bytes", "Journal that no checkpoint covers yet",
             static_cast<double>(stats.journal_backlog_bytes));
  out->Counter("treadle_checkpoints_total", "Checkpoints since start", stats.checkpoints);
  out->Gauge("treadle_exchanges_parked", "Worker exchanges that are waiting",
             static_cast<double>(stats.exchanges_parked));
  out->Gauge("treadle_payload_memory_bytes", "Payloads in memory",
             static_cast<double>(stats.payload_memory_bytes));
  out->Gauge("treadle_enqueue_refused", "1 while the disk is too full for new tasks",
             stats.enqueue_refused ? 1 : 0);
  out->Counter("treadle_backups_total", "Backups made since start", stats.backups.made);
  out->Counter("treadle_backups_failed_total", "Backups that failed since start",
               stats.backups.failed);
  out->Gauge("treadle_backup_last_timestamp_seconds",
             "When the newest backup was taken, in seconds since 1970; 0 before the first",
             static_cast<double>(stats.backups.last_taken_at.ms) / 1000);
  out->Gauge("treadle_journal_write_age_seconds",
             "How long the current write to the journal has been waiting for the disk",
             static_cast<double>(stats.journal_write_age_ms) / 1000);
  out->Gauge("treadle_store_write_age_seconds",
             "How long the current write to the store has been waiting for the disk",
             static_cast<double>(stats.store_write_age_ms) / 1000);
  out->Gauge("treadle_checkpoint_age_seconds",
             "How long the oldest change missing from the store has been waiting for a checkpoint; "
             "0 if none is",
             static_cast<double>(stats.checkpoint_age_ms) / 1000);
  out->Gauge("treadle_uptime_seconds", "Time since the node started",
             static_cast<double>(stats.uptime_ms) / 1000);
}

void AddShardTurns(const ExecutorTurns& turns, Metrics* out) {
  out->Histogram("treadle_shard_turn_seconds",
                 "Shard turns: how long one piece of work kept all others waiting", turns.clock);
  out->Gauge("treadle_shard_turn_longest_seconds", "The longest shard turn since start",
             static_cast<double>(turns.clock.longest_ns()) / 1'000'000'000);
  out->Histogram("treadle_shard_turn_cpu_seconds",
                 "Shard turns: how much processor time one piece of work used", turns.processor);
  out->Gauge("treadle_shard_turn_cpu_longest_seconds",
             "The most processor time that one shard turn used since start",
             static_cast<double>(turns.processor.longest_ns()) / 1'000'000'000);
}

void AddServer(const http::ServerStats& stats, Metrics* out) {
  out->Start("treadle_http_responses_total", "Responses by status class", MetricType::Counter);
  for (size_t i = 2; i < stats.answers.size(); ++i)
    out->Counted({{"class", std::to_string(i) + "xx"}}, stats.answers[i]);
  out->Gauge("treadle_http_connections", "Open connections",
             static_cast<double>(stats.connections_open));
  out->Counter("treadle_http_connections_total", "Connections accepted since start",
               stats.connections_accepted);
  out->Counter("treadle_http_connections_refused_total",
               "Connections refused because there were too many", stats.connections_refused);
  out->Counter("treadle_http_accept_failures_total",
               "Connections refused because no file descriptor was left", stats.accept_failures);
  out->Gauge("treadle_http_bodies_bytes",
             "Memory used by in-flight request and response bodies, except small ones",
             static_cast<double>(stats.bodies_bytes));
  out->Counter("treadle_http_bodies_refused_total",
               "Requests and responses refused because others used all the memory for bodies",
               stats.bodies_refused);
  out->Counter("treadle_http_received_bytes_total", "Bytes received", stats.bytes_in);
  out->Counter("treadle_http_sent_bytes_total", "Bytes sent", stats.bytes_out);
}

http::Response Exposition(const Api& api, const NodeStats& stats, const QueueSummary& queues) {
  Metrics metrics;
  AddQueues(queues, &metrics);
  AddNode(stats, &metrics);
  if (api.info.shard_turns) AddShardTurns(api.info.shard_turns(), &metrics);
  if (api.info.server_stats) AddServer(api.info.server_stats(), &metrics);
  metrics.Gauge("process_resident_memory_bytes", "Resident memory size in bytes", ResidentBytes());
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics.Text()};
}

// How many queues have series of their own. Other parameters, which a scraper may add, are ignored.
Result<size_t> ReadQueuesMax(const http::Request& request) {
  TREADLE_ASSIGN_OR_RETURN(const http::QueryParameters query, http::ParseQuery(request.query()));
  TREADLE_ASSIGN_OR_RETURN(
      const int64_t queues_max,
      NumberParameter(query, "queues", 0, kListedQueuesMax, kListedQueuesDefault));
  return static_cast<size_t>(queues_max);
}

}  // namespace

// `api` lives as long as the router, and with it the server.
void GetMetrics(const Api& api, http::RequestContext& context, http::Responder responder) {
  const auto queues_max = ReadQueuesMax(context.request);
  if (!queues_max.ok()) return responder.Send(http::ProblemResponse(queues_max.status()));
  api.metrics->Take(
      [&api, queues_max = *queues_max, to = Shared(std::move(responder))](Turns::Turn turn) {
        api.node->Do(GetNodeStats{}, [&api, queues_max, to, turn](const Result<NodeStats>& stats) {
          if (!stats.ok()) return to->Send(http::ProblemResponse(stats.status()));
          const auto format = [&api, stats = *stats](const QueueSummary& queues) {
            return Exposition(api, stats, queues);
          };
          api.node->Do(SummarizeQueues{queues_max}, Answering(std::move(*to), format, turn));
        });
      });
}

}  // namespace treadle::api
