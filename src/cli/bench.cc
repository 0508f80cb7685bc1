// treadle bench
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "base/random.h"
#include "cli/bench/workloads.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "client/wire.h"

namespace treadle::cli {
namespace {

using bench::Load;
using bench::Measurement;
using bench::Target;

struct BenchFlags {
  std::string workload = "all";
  bool serve = false;
  std::string data;
  std::optional<int64_t> batch;
  std::optional<int64_t> callers;
  std::string coalesce = "both";
  std::optional<int64_t> duration_ms;
  std::optional<int64_t> rate;
  std::optional<int64_t> payload_bytes;
  std::optional<int64_t> tasks;
};

/// One run of the command: its target, what it prints, and the tasks that it leaves in its queue.
class Bench {
 public:
  Bench(Session& session, const BenchFlags& flags, Target& target, const demo::SignalWatch& watch)
      : session_(session), flags_(flags), target_(target), watch_(watch) {
    base_.queue = fmt::format("bench-{:08x}", SystemRandom().Next() & 0xffffffff);
    base_.payload_bytes = flags.payload_bytes.value_or(256);
    base_.duration = std::chrono::milliseconds(flags.duration_ms.value_or(2'000));
    base_.interrupted = [this] { return watch_.interrupted(); };
  }

  Status Run() {
    const Status status = RunAll();
    if (queued_ > 0 && !target_.is_own()) {
      session_.console().Message(fmt::format(
          "some of {} tasks may still wait in the queue {}; run them: treadle worker exec bench "
          "--queue {} -- true",
          queued_, base_.queue, base_.queue));
    }
    return status;
  }

  const Table& table() const { return table_; }
  /// With -o json: all lines, as one document.
  std::string Document() const { return fmt::format("[{}]", fmt::join(lines_, ",")); }

 private:
  Status RunAll() {
    if (Wants("enqueue")) TREADLE_RETURN_IF_ERROR(Enqueue());
    if (Wants("drain")) TREADLE_RETURN_IF_ERROR(Drain());
    if (Wants("cycle")) TREADLE_RETURN_IF_ERROR(Cycle());
    if (Wants("latency")) TREADLE_RETURN_IF_ERROR(Latency());
    if (Wants("checkpoint")) TREADLE_RETURN_IF_ERROR(Checkpoint());
    if (Wants("memory")) TREADLE_RETURN_IF_ERROR(Memory());
    if (Wants("recovery")) TREADLE_RETURN_IF_ERROR(Recovery());
    return LeaveNothing();
  }

  bool Wants(std::string_view workload) const {
    const bool only_own = workload == "memory" || workload == "recovery";
    if (watch_.interrupted() || (only_own && !target_.is_own())) return false;
    return flags_.workload == "all" || flags_.workload == workload;
  }

  Status Take(const Result<Measurement>& measured) {
    if (!measured.ok()) return measured.status();
    if (session_.jsonl()) {
      session_.console().OutLine(bench::ToJson(*measured));
    } else if (session_.json()) {
      lines_.push_back(bench::ToJson(*measured));
    } else {
      table_.Row(bench::ToRow(*measured));
    }
    return {};
  }

  void Say(const Load& load, std::string_view workload) {
    session_.Hint(fmt::format("  {}: batches of {}, {} callers{} …", workload, load.batch,
                              load.callers, load.coalesce ? ", coalesced" : ""));
  }

  Status EnqueueOne(int64_t batch, int64_t callers, bool coalesce) {
    if (watch_.interrupted()) return {};
    Load load = base_;
    load.batch = batch;
    load.callers = callers;
    load.coalesce = coalesce;
    load.rate = flags_.rate.value_or(0);
    Say(load, "enqueue");
    const Result<Measurement> measured = bench::MeasureEnqueue(target_, load);
    if (measured.ok()) queued_ += measured->tasks;
    return Take(measured);
  }

  Status Enqueue() {
    const std::vector<int64_t> batches =
        flags_.batch ? std::vector{*flags_.batch} : std::vector<int64_t>{1, 100, 1'000};
    const std::vector<int64_t> callers =
        flags_.callers ? std::vector{*flags_.callers} : std::vector<int64_t>{1, 32};
    for (const int64_t batch : batches) {
      for (const int64_t caller_count : callers) {
        if (flags_.coalesce != "on" || batch > 1)
          TREADLE_RETURN_IF_ERROR(EnqueueOne(batch, caller_count, false));
        if (flags_.coalesce != "off" && batch == 1)
          TREADLE_RETURN_IF_ERROR(EnqueueOne(batch, caller_count, true));
      }
    }
    return {};
  }

  /// What the measurements before left, or a backlog of its own.
  Status Drain() {
    const int64_t wanted = flags_.tasks.value_or(100'000);
    Client client(target_.Client(std::chrono::microseconds(0)));
    const std::vector<TaskRequest> batch(
        static_cast<size_t>(std::min<int64_t>(wanted, 1'000)),
        {.type = "bench", .queue = base_.queue, .payload = "null"});
    while (queued_ < wanted && !watch_.interrupted()) {
      const auto answer = client.EnqueueMany(batch);
      if (!answer.ok()) return answer.status();
      queued_ += static_cast<int64_t>(answer->size());
    }
    session_.Hint(fmt::format("  drain: {} tasks …", queued_));
    const Result<Measurement> measured = bench::MeasureDrain(target_, base_, queued_);
    if (measured.ok()) queued_ = 0;
    return Take(measured);
  }

  Status Cycle() {
    TREADLE_RETURN_IF_ERROR(LeaveNothing());
    Load load = base_;
    load.batch = flags_.batch.value_or(100);
    load.callers = flags_.callers.value_or(2);
    Say(load, "cycle");
    return Take(bench::MeasureCycle(target_, load));
  }

  Status Latency() {
    TREADLE_RETURN_IF_ERROR(LeaveNothing());
    Load load = base_;
    load.rate = flags_.rate.value_or(1'000);
    load.callers = flags_.callers.value_or(4);
    session_.Hint(fmt::format("  latency: {} tasks a second …", load.rate));
    return Take(bench::MeasureLatency(target_, load));
  }

  Status Checkpoint() {
    Load load = base_;
    load.duration =
        std::max(load.duration, std::chrono::milliseconds(flags_.duration_ms.value_or(6'000)));
    load.rate = flags_.rate.value_or(200);
    load.callers = flags_.callers.value_or(4);
    session_.Hint(
        fmt::format("  checkpoint: single enqueues at {} a second, beside others …", load.rate));
    const Result<Measurement> measured = bench::MeasureCheckpoint(target_, load);
    if (measured.ok()) queued_ += measured->tasks;
    return Take(measured);
  }

  Status Memory() {
    TREADLE_RETURN_IF_ERROR(LeaveNothing());
    const int64_t tasks = flags_.tasks.value_or(200'000);
    session_.Hint(fmt::format("  memory: {} tasks …", tasks));
    const Result<Measurement> measured = bench::MeasureMemory(target_, base_, tasks);
    if (measured.ok()) queued_ += measured->tasks;
    return Take(measured);
  }

  Status Recovery() {
    session_.Hint(fmt::format("  recovery: kill -9 with {} tasks queued …", queued_));
    return Take(bench::MeasureRecovery(target_, queued_));
  }

  /// Somebody else's server is left as it was found, but for what its retention keeps.
  Status LeaveNothing() {
    if (queued_ == 0 || watch_.interrupted()) return {};
    const Result<Measurement> drained = bench::MeasureDrain(target_, base_, queued_);
    if (drained.ok()) queued_ = 0;
    return drained.status();
  }

  Session& session_;
  const BenchFlags& flags_;
  Target& target_;
  const demo::SignalWatch& watch_;
  Load base_;
  int64_t queued_ = 0;
  std::vector<std::string> lines_;
  Table table_{bench::Columns()};
};

Result<Target> MakeTarget(Session& session, const BenchFlags& flags) {
  if (flags.serve) return Target::Serve(flags.data);
  TREADLE_ASSIGN_OR_RETURN(ConnectionOptions connection, session.Target());
  return Target(std::move(connection));
}

ExitStatus RunBench(Session& session, const BenchFlags& flags) {
  const bool needs_own = flags.workload == "memory" || flags.workload == "recovery";
  if (!flags.serve && (needs_own || !flags.data.empty())) {
    return session.Fail(ExitStatus::kUsage,
                        "memory, recovery and --data are for a server of its own: add --serve");
  }
  const demo::SignalWatch watch;
  Result<Target> target = MakeTarget(session, flags);
  if (!target.ok()) return session.Fail(target.status());
  Bench bench(session, flags, *target, watch);
  const Status status = bench.Run();
  if (!bench.table().empty()) session.console().Out(bench.table().ToString(session.console()));
  if (session.json()) session.console().OutLine(bench.Document());
  if (watch.interrupted()) return session.Fail(ExitStatus::kFailure, "interrupted");
  return status.ok() ? ExitStatus::kOk : session.Fail(status);
}

}  // namespace

void AddBench(Command parent, Session& session) {
  auto flags = std::make_shared<BenchFlags>();
  parent.Sub("bench", "Measure a server, by the client and worker that users have")
      .Choice("--workload",
              {"all", "enqueue", "drain", "cycle", "latency", "checkpoint", "memory", "recovery"},
              &flags->workload, "What to measure (default all)")
      .Switch("--serve", &flags->serve, "Start a server for it, with data of its own")
      .Text("--data", "DIR", &flags->data, "With --serve: on the disk of this directory")
      .Number("--batch", &flags->batch, 1, 1'000, "Tasks in each call (default 1, 100 and 1000)")
      .Number("--callers", &flags->callers, 1, 256, "Threads that call (default 1 and 32)")
      .Choice("--coalesce", {"on", "off", "both"}, &flags->coalesce,
              "Whether callers share requests, for batches of 1 (default both, shown apart)")
      .Duration("--duration", &flags->duration_ms, "Of each measurement (default 2s)")
      .Number("--rate", &flags->rate, 1, 10'000'000,
              "Calls a second (default: as fast as it goes; latency 1000)")
      .Number("--payload", &flags->payload_bytes, 2, 1 << 20, "Bytes of each payload (default 256)")
      .Number("--tasks", &flags->tasks, 1, 100'000'000,
              "Tasks of drain (default 100000) and memory (200000)")
      .Example(
          "treadle bench --serve\n"
          "treadle bench --workload latency --rate 5000 -o jsonl\n"
          "treadle bench --serve --data /srv --workload enqueue --batch 100 --duration 10s")
      .Footer(
          "Latency is measured from the intended start of each call: a call that began late "
          "because\n"
          "the one before was slow counts the waiting too. The workload latency goes on to the "
          "start of\n"
          "the handler. CPU US is the server's processor time for each task, BYTES its memory for\n"
          "each, both only with --serve. The tasks have a queue of their own and are completed; "
          "the\n"
          "server keeps them for their retention. docs/benchmarks.md says what the numbers do "
          "not.\n")
      .Run([flags, &session] { return RunBench(session, *flags); });
}

}  // namespace treadle::cli
