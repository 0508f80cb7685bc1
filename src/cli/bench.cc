// treadle bench
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/random.h"
#include "cli/commands.h"
#include "client/wire.h"
#include "console/table.h"
#include "loadgen/burst.h"
#include "loadgen/callers.h"
#include "loadgen/growth.h"
#include "loadgen/workloads.h"

namespace treadle::cli {
namespace {

using loadgen::Coalesce;
using loadgen::Load;
using loadgen::Measurement;
using loadgen::Target;

/// In the order in which they run.
constexpr std::array<std::string_view, 9> kWorkloads = {
    "enqueue", "drain", "cycle", "latency", "checkpoint", "memory", "recovery", "burst", "growth"};

bool TakesMinutes(std::string_view workload) { return workload == "burst" || workload == "growth"; }
bool NeedsOwnServer(std::string_view workload) {
  return workload == "memory" || workload == "recovery" || workload == "growth";
}

struct BenchFlags {
  std::vector<std::string> workloads;  // none: all that do not take minutes
  std::string workload;                // one more
  bool json = false;
  bool serve = false;
  std::string data;
  std::optional<int64_t> batch;
  std::optional<int64_t> callers;
  std::string coalesce = "all";
  std::optional<int64_t> duration_ms;
  std::optional<int64_t> rate;
  std::optional<int64_t> payload_bytes;
  std::optional<int64_t> tasks;

  bool Names(std::string_view name) const {
    return workload == name || std::ranges::find(workloads, name) != workloads.end();
  }
  bool Wants(std::string_view name) const {
    const bool by_default = workloads.empty() && workload.empty() && !TakesMinutes(name);
    return Names(name) || Names("all") || by_default;
  }
  std::vector<int64_t> Batches() const {
    return batch ? std::vector{*batch} : std::vector<int64_t>{1, 100, 1'000};
  }
  std::vector<int64_t> CallerCounts() const {
    return callers ? std::vector{*callers} : std::vector<int64_t>{1, 32};
  }
  /// Only single enqueues are shared.
  std::vector<Coalesce> Coalescing(int64_t batch_size) const {
    if (batch_size > 1) return {Coalesce::kOff};
    std::vector<Coalesce> wanted;
    for (const Coalesce each : {Coalesce::kOff, Coalesce::kOn, Coalesce::kAsync})
      if (coalesce == "all" || coalesce == loadgen::CoalesceName(each)) wanted.push_back(each);
    return wanted;
  }
};

/// One run of the command: its target, what it prints, and the tasks that it leaves in its queue.
class Bench {
 public:
  Bench(Session& session, const BenchFlags& flags, Target& target, const SignalWatch& watch)
      : session_(session), flags_(flags), target_(target), watch_(watch) {
    base_.queue = fmt::format("bench-{:08x}", SystemRandom().Next() & 0xffffffff);
    base_.payload_bytes = flags.payload_bytes.value_or(256);
    base_.duration = std::chrono::milliseconds(flags.duration_ms.value_or(2'000));
    base_.interrupted = [this] { return watch_.interrupted(); };
    steps_ = Steps();
  }

  Status Run() {
    const Status status = RunAll();
    ClearProgress();
    if (queued_ > 0 && !target_.is_own()) {
      session_.console().Message(
          fmt::format("some of {} tasks may still wait in queue {}; run them with: treadle worker "
                      "exec bench --queue {} -- true",
                      queued_, base_.queue, base_.queue));
    }
    return status;
  }

  /// What the output's form leaves to the end.
  void PrintRest() const {
    if (session_.jsonl()) return;
    if (session_.json()) {
      std::vector<std::string> lines;
      lines.reserve(measured_.size());
      for (const Measurement& each : measured_) lines.push_back(loadgen::ToJson(each));
      session_.console().OutLine(fmt::format("[{}]", fmt::join(lines, ",")));
    } else if (!measured_.empty()) {
      session_.console().Out(loadgen::ToTable(measured_).ToString(session_.console()));
    }
  }

 private:
  /// How many measurements are wanted.
  size_t Steps() const {
    size_t steps = 0;
    for (const std::string_view name : kWorkloads) steps += Wants(name) ? 1 : 0;
    if (Wants("growth")) ++steps;  // which is two
    if (!Wants("enqueue")) return steps;
    --steps;  // which is several
    for (const int64_t batch : flags_.Batches())
      steps += flags_.CallerCounts().size() * flags_.Coalescing(batch).size();
    return steps;
  }

  Status RunAll() {
    if (Wants("enqueue")) TREADLE_RETURN_IF_ERROR(Enqueue());
    if (Wants("drain")) TREADLE_RETURN_IF_ERROR(Drain());
    if (Wants("cycle")) TREADLE_RETURN_IF_ERROR(Cycle());
    if (Wants("latency")) TREADLE_RETURN_IF_ERROR(Latency());
    if (Wants("checkpoint")) TREADLE_RETURN_IF_ERROR(Checkpoint());
    if (Wants("memory")) TREADLE_RETURN_IF_ERROR(Memory());
    if (Wants("recovery")) TREADLE_RETURN_IF_ERROR(Recovery());
    if (Wants("burst")) TREADLE_RETURN_IF_ERROR(Burst());
    if (Wants("growth")) TREADLE_RETURN_IF_ERROR(Growth());
    return LeaveNothing();
  }

  bool Wants(std::string_view workload) const {
    if (watch_.interrupted() || (NeedsOwnServer(workload) && !target_.is_own())) return false;
    return flags_.Wants(workload);
  }

  /// One line on a terminal, which the next one replaces.
  void Progress(std::string_view what) {
    if (!session_.console().err_is_terminal()) return;
    session_.console().Err('\r' +
                           session_.console().PaintErr(
                               fmt::format("[{}/{}] {} …", ++step_, steps_, what), Color::kDim) +
                           "\x1b[K");
  }
  void ClearProgress() {
    if (session_.console().err_is_terminal()) session_.console().Err("\r\x1b[K");
  }

  Status Take(const Result<Measurement>& measured) {
    if (!measured.ok()) return measured.status();
    measured_.push_back(*measured);
    if (session_.jsonl()) {
      ClearProgress();
      session_.console().OutLine(loadgen::ToJson(*measured));
    }
    return {};
  }
  Status TakeAll(const Result<std::vector<Measurement>>& measured) {
    if (!measured.ok()) return measured.status();
    for (const Measurement& each : *measured) TREADLE_RETURN_IF_ERROR(Take(each));
    return {};
  }

  void Progress(std::string_view workload, const Load& load) {
    Progress(fmt::format("{}: batches of {}, {} callers{}", workload, load.batch, load.callers,
                         load.coalesce == Coalesce::kOff
                             ? ""
                             : fmt::format(", coalesced: {}", CoalesceName(load.coalesce))));
  }

  Status EnqueueOne(int64_t batch, int64_t callers, Coalesce coalesce) {
    if (watch_.interrupted()) return {};
    Load load = base_;
    load.batch = batch;
    load.callers = callers;
    load.coalesce = coalesce;
    load.rate = flags_.rate.value_or(0);
    Progress("enqueue", load);
    const Result<Measurement> measured = loadgen::MeasureEnqueue(target_, load);
    if (measured.ok()) queued_ += measured->tasks;
    return Take(measured);
  }

  Status Enqueue() {
    for (const int64_t batch : flags_.Batches()) {
      for (const int64_t callers : flags_.CallerCounts()) {
        for (const Coalesce coalesce : flags_.Coalescing(batch))
          TREADLE_RETURN_IF_ERROR(EnqueueOne(batch, callers, coalesce));
      }
    }
    return {};
  }

  /// The queue up to --tasks.
  Status Fill(int64_t by_default) {
    const int64_t missing = flags_.tasks.value_or(by_default) - queued_;
    if (missing <= 0) return {};
    TREADLE_ASSIGN_OR_RETURN(const int64_t enqueued,
                             loadgen::EnqueueBacklog(target_, base_, missing));
    queued_ += enqueued;
    return {};
  }

  /// What the measurements before left, or a backlog of its own.
  Status Drain() {
    Progress("drain: a backlog");
    TREADLE_RETURN_IF_ERROR(Fill(100'000));
    const Result<Measurement> measured = loadgen::MeasureDrain(target_, base_, queued_);
    if (measured.ok()) queued_ = 0;
    return Take(measured);
  }

  struct Usual {
    int64_t batch;
    int64_t callers;
    int64_t rate;
  };
  /// What the flags say, and else what is usual.
  Load LoadOr(const Usual& usual) const {
    Load load = base_;
    load.batch = flags_.batch.value_or(usual.batch);
    load.callers = flags_.callers.value_or(usual.callers);
    load.rate = flags_.rate.value_or(usual.rate);
    return load;
  }

  Status Cycle() {
    TREADLE_RETURN_IF_ERROR(LeaveNothing());
    const Load load = LoadOr({.batch = 100, .callers = 2, .rate = 0});
    Progress("cycle", load);
    return Take(loadgen::MeasureCycle(target_, load));
  }

  Status Latency() {
    TREADLE_RETURN_IF_ERROR(LeaveNothing());
    const Load load = LoadOr({.batch = 1, .callers = 4, .rate = 1'000});
    Progress(fmt::format("latency: {} tasks a second", load.rate * load.batch));
    return Take(loadgen::MeasureLatency(target_, load));
  }

  Status Checkpoint() {
    Load load = base_;
    load.duration =
        std::max(load.duration, std::chrono::milliseconds(flags_.duration_ms.value_or(6'000)));
    load.rate = flags_.rate.value_or(200);
    load.callers = flags_.callers.value_or(4);
    Progress(
        fmt::format("checkpoint: single enqueues at {} a second, alongside others", load.rate));
    const Result<Measurement> measured = loadgen::MeasureCheckpoint(target_, load);
    if (measured.ok()) queued_ += measured->tasks;
    if (measured.ok() && measured->checkpoints == 0) {
      ClearProgress();
      session_.console().Message("no checkpoint ended in that time; use a longer --duration");
    }
    return Take(measured);
  }

  Status Memory() {
    TREADLE_RETURN_IF_ERROR(LeaveNothing());
    const int64_t tasks = flags_.tasks.value_or(200'000);
    Progress(fmt::format("memory: {} tasks", tasks));
    const Result<Measurement> measured = loadgen::MeasureMemory(target_, base_, tasks);
    if (measured.ok()) queued_ += measured->tasks;
    return Take(measured);
  }

  Status Recovery() {
    Progress("recovery: kill -9 with tasks queued");
    TREADLE_RETURN_IF_ERROR(Fill(200'000));
    return Take(loadgen::MeasureRecovery(target_, queued_));
  }

  Status Burst() {
    TREADLE_RETURN_IF_ERROR(LeaveNothing());
    Load load = LoadOr({.batch = 1, .callers = 32, .rate = 1'000});
    load.duration = std::chrono::milliseconds(flags_.duration_ms.value_or(30'000));
    Progress(fmt::format("burst: {} tasks a second, and ten times that", load.rate * load.batch));
    return TakeAll(loadgen::MeasureBurst(target_, load));
  }

  /// On servers of its own, beside the one that is there.
  Status Growth() {
    TREADLE_RETURN_IF_ERROR(LeaveNothing());
    Load load = base_;
    load.batch = flags_.batch.value_or(100);
    load.callers = flags_.callers.value_or(4);
    const int64_t tasks = flags_.tasks.value_or(1'000'000);
    for (const auto kind : {loadgen::Growth::kQueued, loadgen::Growth::kScheduled}) {
      Progress(fmt::format("growth: with {} tasks {}", tasks,
                           kind == loadgen::Growth::kQueued ? "queued" : "scheduled"));
      TREADLE_RETURN_IF_ERROR(TakeAll(loadgen::MeasureGrowth(flags_.data, load, kind, tasks)));
    }
    return {};
  }

  /// Somebody else's server is left as it was found, but for what its retention keeps.
  Status LeaveNothing() {
    if (queued_ == 0 || watch_.interrupted()) return {};
    const Result<Measurement> drained = loadgen::MeasureDrain(target_, base_, queued_);
    if (drained.ok()) queued_ = 0;
    return drained.status();
  }

  Session& session_;
  const BenchFlags& flags_;
  Target& target_;
  const SignalWatch& watch_;
  Load base_;
  int64_t queued_ = 0;
  size_t steps_ = 0;
  size_t step_ = 0;  // of them, the one that runs
  std::vector<Measurement> measured_;
};

Result<Target> MakeTarget(Session& session, const BenchFlags& flags) {
  if (flags.serve) return Target::Serve(flags.data);
  TREADLE_ASSIGN_OR_RETURN(ConnectionOptions connection, session.Target());
  return Target(std::move(connection));
}

ExitStatus RunBench(Session& session, const BenchFlags& flags) {
  const bool needs_own = std::ranges::any_of(
      kWorkloads, [&](auto name) { return flags.Names(name) && NeedsOwnServer(name); });
  if (flags.json) session.flags.output = "jsonl";
  if (!flags.serve && (needs_own || !flags.data.empty())) {
    return session.Fail(
        ExitStatus::kUsage,
        "memory, recovery, growth and --data need a server started by the bench: add --serve");
  }
  const SignalWatch watch;
  Result<Target> target = MakeTarget(session, flags);
  if (!target.ok()) return session.Fail(target.status());
  Bench bench(session, flags, *target, watch);
  const Status status = bench.Run();
  bench.PrintRest();
  if (watch.interrupted()) return session.Fail(ExitStatus::kFailure, "interrupted");
  return status.ok() ? ExitStatus::kOk : session.Fail(status);
}

}  // namespace

void AddBench(Command parent, Session& session) {
  auto flags = std::make_shared<BenchFlags>();
  const std::vector<std::string> names(kWorkloads.begin(), kWorkloads.end());
  std::vector<std::string> names_and_all = names;
  names_and_all.insert(names_and_all.begin(), "all");
  parent.Sub("bench", "Measure a server with the same client and worker that users run")
      .Words("WORKLOAD", names, &flags->workloads,
             fmt::format("What to measure, always in this order: {} (default all except burst and "
                         "growth, which take minutes)",
                         fmt::join(names, ", ")))
      .Choice("--workload", names_and_all, &flags->workload, "Measure one thing, or all")
      .Switch("--json", &flags->json, "Print one JSON object per line, like -o jsonl")
      .Switch("--serve", &flags->serve, "Start a server for the bench, with its own data")
      .Text("--data", "DIR", &flags->data,
            "With --serve: keep the data on the disk of this directory")
      .Number("--batch", &flags->batch, 1, 1'000, "Tasks in each call (default 1, 100 and 1000)")
      .Number("--callers", &flags->callers, 1, 256,
              "Threads that call (default 1 and 32; burst 32)")
      .Choice("--coalesce", {"off", "on", "async", "all"}, &flags->coalesce,
              "For batches of 1: whether callers share requests, or do not wait for replies "
              "(default all, shown separately)")
      .Duration("--duration", &flags->duration_ms,
                "Duration of each measurement (default 2s; burst 30s)")
      .Number("--rate", &flags->rate, 1, 10'000'000,
              "Calls a second (default as fast as possible; latency 1000; burst 1000, then ten "
              "times that)")
      .Number("--payload", &flags->payload_bytes, 2, 1 << 20,
              "Size of each payload in bytes (default 256)")
      .Number("--tasks", &flags->tasks, 1, 100'000'000,
              "Number of tasks for drain (default 100000), memory and recovery (200000), growth "
              "(1000000)")
      .Example(
          "treadle bench --serve\n"
          "treadle bench latency --rate 5000 --json\n"
          "treadle bench burst growth --serve --tasks 10000000\n"
          "treadle bench enqueue drain --serve --data /srv --batch 100 --duration 10s")
      .Footer(
          "Latency is measured from the intended start of each call. A call that began late "
          "because\n"
          "the previous one was slow includes that wait. latency and burst measure until the "
          "start\n"
          "of the handler. In cycle, producers keep at most 20,000 tasks ahead of the worker.\n"
          "burst runs a rate for a third of --duration, then ten times that, then the first "
          "again.\n"
          "\n"
          "Columns:\n"
          "  STALL MS     longest time in which no task was completed\n"
          "  NORMAL S     seconds until the p99 was at most twice that before the burst\n"
          "  RATIO        rate with many tasks, divided by the rate with few\n"
          "With --serve, for the server:\n"
          "  TURN MS      longest turn of the shard\n"
          "  TURN CPU MS  most processor time of one turn\n"
          "  CPU US       processor time per task\n"
          "  BYTES        memory per task\n"
          "\n"
          "The tasks have their own queue and are completed; the server keeps them for their\n"
          "retention time. docs/benchmarks.md explains what the numbers do not show.\n")
      .Run([flags, &session] { return RunBench(session, *flags); });
}

}  // namespace treadle::cli
