#include "sim/world.h"

#include <memory>

#include "engine/engine.h"
#include "sim/actors.h"
#include "sim/history.h"
#include "sim/operator.h"
#include "sim/scheduler.h"
#include "sim/simulated_server.h"

namespace treadle::sim {
namespace {

constexpr int64_t kPeaceLimitMs = 3'600'000;  // of virtual time in which all must have ended
constexpr uint64_t kStepsMax = 3'000'000;     // a run that needs more hangs

class World {
 public:
  explicit World(const RunOptions& options)
      : options_(options),
        scheduler_(options.seed),
        outside_(scheduler_.MakeLane()),
        server_(&scheduler_, Mix64(options.seed)),
        network_(&scheduler_, &server_, outside_) {
    scheduler_.print_trace = options.print_trace;
    SeededRandom& random = scheduler_.random;
    const uint64_t producers = 1 + random.Below(3);
    for (uint64_t i = 0; i < producers; ++i)
      producers_.push_back(std::make_unique<Producer>(&scheduler_, &network_, &history_, outside_,
                                                      "p" + std::to_string(i),
                                                      20 + random.Below(150)));
    const uint64_t workers = 1 + random.Below(3);
    for (uint64_t i = 0; i < workers; ++i)
      workers_.push_back(std::make_unique<Worker>(&scheduler_, &network_, &history_, outside_,
                                                  "w" + std::to_string(i)));
    operator_ = std::make_unique<Operator>(&scheduler_, &network_, &history_, outside_);
    crash_mean_ = 10 + random.Below(150);  // disk operations between crashes
    crashes_left_ = random.Below(12);
  }

  RunReport Run() {
    network_.loss = 5 + scheduler_.random.Below(40);
    BringUp();
    for (auto& producer : producers_) producer->Start();
    for (auto& worker : workers_) worker->Start();
    operator_->Start();
    RunUntil([&] { return ProducersDone() && crashes_left_ == 0; }, 600'000);
    MakePeace();
    RunUntil([&] { return ProducersDone() && operator_->done() && EverythingEnded(); },
             kPeaceLimitMs);
    AskForAll();
    return Report();
  }

 private:
  bool ProducersDone() const {
    for (const auto& producer : producers_)
      if (!producer->done()) return false;
    return true;
  }

  // Starts the server, again and again while its disk dies under it.
  void BringUp() {
    while (true) {
      ArmCrash();
      const Result<bool> started = server_.Start();
      if (!started.ok()) return GiveUp("the server does not start: " + started.status().ToString());
      if (*started) return;
      scheduler_.Trace("crash while starting");
      server_.Crash();
    }
  }

  void GiveUp(const std::string& why) {
    extra_.push_back(why);
    gave_up_ = true;
  }

  void ArmCrash() {
    if (crashes_left_ == 0) return;
    --crashes_left_;
    server_.disk().CrashAt(1 + scheduler_.random.Below(2 * crash_mean_));
  }

  template <class Done>
  void RunUntil(Done done, int64_t limit_ms) {
    const int64_t deadline = scheduler_.MonotonicMs() + limit_ms;
    while (!gave_up_ && !done() && scheduler_.MonotonicMs() < deadline &&
           scheduler_.steps() < kStepsMax) {
      if (!scheduler_.Step()) break;
      if (!server_.wrongly_stopped().empty())
        return GiveUp("the server stopped itself: " + server_.wrongly_stopped());
      if (server_.disk().dead()) {
        scheduler_.Trace("crash");
        server_.Crash();
        BringUp();
      }
    }
  }

  void MakePeace() {
    scheduler_.Trace("peace");
    crashes_left_ = 0;
    server_.disk().CancelCrash();
    network_.loss = 0;
    for (auto& worker : workers_) worker->faults = false;
    operator_->MakePeace();
  }

  bool EverythingEnded() {
    // Cheap enough to look inside for; what is told at the end is asked from outside.
    if (scheduler_.steps() % 64 != 0 || server_.node() == nullptr) return false;
    uint64_t live = 0;
    const Engine& engine = server_.node()->engine_for_tests();
    for (const QueueView& queue : engine.Queues())
      for (const TaskState state : kTaskStates)
        if (!IsTerminal(state)) live += queue.tasks[static_cast<size_t>(state)];
    return live == 0;
  }

  void AskForAll() {
    if (gave_up_) return;
    server_.node()->engine_for_tests().state().CheckInvariants();
    uint64_t waiting = history_.accepted().size();
    for (const auto& [key, id] : history_.accepted())
      server_.node()->Get(id, 0, [this, &waiting, key = key](const Result<TaskView>& view) {
        history_.Ended(key, view);
        --waiting;
      });
    RunUntil([&] { return waiting == 0; }, 60'000);
    if (waiting > 0) extra_.push_back(std::to_string(waiting) + " questions were never answered");
    if (!ProducersDone()) extra_.push_back("a producer was never done");
  }

  RunReport Report() {
    RunReport report;
    report.seed = options_.seed;
    report.violations = history_.violations();
    report.violations.insert(report.violations.end(), extra_.begin(), extra_.end());
    scheduler_.Trace("end", history_.leases(), history_.completions());
    report.trace_hash = scheduler_.trace_hash();
    report.steps = scheduler_.steps();
    report.virtual_ms = scheduler_.MonotonicMs();
    report.crashes = server_.crashes();
    report.accepted = history_.accepted().size();
    report.leases = history_.leases();
    report.completions = history_.completions();
    return report;
  }

  RunOptions options_;
  Scheduler scheduler_;
  Lane* outside_;
  SimulatedServer server_;
  Network network_;
  History history_;
  std::vector<std::unique_ptr<Producer>> producers_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Operator> operator_;
  std::vector<std::string> extra_;
  bool gave_up_ = false;
  uint64_t crash_mean_ = 0;
  uint64_t crashes_left_ = 0;
};

}  // namespace

RunReport RunWorld(const RunOptions& options) { return World(options).Run(); }

}  // namespace treadle::sim
