#include "sim/world.h"

#include <memory>
#include <utility>

#include "engine/commands/queues.h"
#include "engine/engine.h"
#include "sim/chaos.h"
#include "sim/deployer.h"
#include "sim/history.h"
#include "sim/keeper.h"
#include "sim/operator.h"
#include "sim/scheduler.h"
#include "sim/simulated_server.h"
#include "sim/tenant.h"
#include "sim/trail_question.h"
#include "sim/worker.h"

namespace treadle::sim {
namespace {

constexpr int64_t kFaultsLimitMs = 60'000;    // of virtual time, if the producers are not done
constexpr int64_t kPeaceLimitMs = 3'600'000;  // everything must have ended by then
constexpr uint64_t kStepsMax = 3'000'000;     // a run that needs more counts as hung
constexpr uint64_t kCheckEvery = 512;         // steps between looks inside the engine
constexpr uint64_t kProbes = 24;              // tasks enqueued in peace

class World {
 public:
  explicit World(const RunOptions& options)
      : options_(options),
        scheduler_(options.seed),
        faults_(Mix64(~options.seed)),
        outside_(scheduler_.MakeExecutor()),
        server_(&scheduler_, Mix64(options.seed)),
        network_(&scheduler_, &server_, &faults_, outside_),
        history_(&scheduler_),
        stage_{&scheduler_, &network_, &history_, &faults_, outside_},
        chaos_(&scheduler_, &server_, &faults_, outside_,
               [this] {
                 for (auto& producer : producers_) producer->Burst();
               }),
        keeper_({&scheduler_, &server_, &history_, &chaos_, &faults_, outside_}),
        key_producer_(stage_),
        operator_(stage_),
        deployer_(stage_),
        tenant_(stage_),
        observer_(stage_) {
    scheduler_.print_trace = options.print_trace;
    if (options.print_trace)
      faults_.on_count = [this](Fault fault) {
        scheduler_.Tell([&] { return "fault: " + std::string(FaultName(fault)); });
      };
    SeededRandom& random = scheduler_.random;
    const uint64_t producers = 1 + random.Below(3);
    for (uint64_t i = 0; i < producers; ++i)
      producers_.push_back(
          std::make_unique<Producer>(stage_, "p" + std::to_string(i), 20 + random.Below(80)));
    const uint64_t workers = 1 + random.Below(3);
    for (uint64_t i = 0; i < workers; ++i)
      workers_.push_back(std::make_unique<Worker>(stage_, "w" + std::to_string(i)));
    faults_last_ms_ = static_cast<int64_t>(2'000 + random.Below(20'000));
  }

  RunReport Run() {
    keeper_.Start();
    Configure();
    chaos_.Start();
    for (auto& producer : producers_) producer->Start();
    for (auto& worker : workers_) worker->Start();
    key_producer_.Start();
    operator_.Start();
    deployer_.Start();
    tenant_.Start();
    observer_.Start();
    RunUntil([&] { return ProducersDone() && scheduler_.MonotonicMs() > faults_last_ms_; },
             kFaultsLimitMs);
    MakePeace();
    RunUntil([&] { return ActorsDone() && EverythingEnded(); }, kPeaceLimitMs);
    key_producer_.AskForAll();
    RunUntil([&] { return key_producer_.done() && EverythingEnded(); }, kPeaceLimitMs);
    AskForAll();
    return Report();
  }

 private:
  bool ProducersDone() const {
    for (const auto& producer : producers_)
      if (!producer->done()) return false;
    return true;
  }

  bool ActorsDone() const {
    return ProducersDone() && operator_.done() && deployer_.done() && tenant_.done();
  }

  // Policies that make much happen in a short run. Called before any fault.
  void Configure() {
    SeededRandom& random = scheduler_.random;
    int waiting = 0;
    for (const char* name : {"default", "billing", "bounded"}) {
      QueuePolicy policy;
      policy.lease_ms = static_cast<int64_t>(1'000 << random.Below(4));
      policy.cancel_grace_ms = policy.lease_ms;
      policy.max_worker_losses = static_cast<uint32_t>(1 + random.Below(20));
      History::QueueRules rules;
      if (std::string_view(name) == "bounded") {
        policy.capacity.tasks = rules.capacity = static_cast<int64_t>(10 + random.Below(30));
        policy.capacity.shed = rules.sheds = random.OneIn(2);
        policy.retention.completed_tasks = static_cast<int64_t>(random.Below(20));
        policy.retention.dead_ms = static_cast<int64_t>(1 + random.Below(10'000));
        rules.forgets = true;
      }
      history_.Queue(name, rules);
      ++waiting;
      server_.node()->Do(SetQueuePolicy{name, QueuePolicyPatch::To(policy)},
                         [&waiting](const Result<QueueView>& view) { waiting -= view.ok(); });
    }
    history_.Queue(kTenantQueue, {.forgets = true});
    RunUntil([&] { return waiting == 0; }, 10'000);
  }

  template <class Done>
  void RunUntil(Done done, int64_t limit_ms) {
    const int64_t deadline = scheduler_.MonotonicMs() + limit_ms;
    while (!keeper_.gave_up() && !done() && scheduler_.MonotonicMs() < deadline &&
           scheduler_.steps() < kStepsMax) {
      if (!scheduler_.Step()) break;
      keeper_.Look();
      if (scheduler_.steps() % kCheckEvery == 0 && server_.node() != nullptr)
        server_.node()->engine_for_tests().state().CheckInvariants();
    }
  }

  void MakePeace() {
    scheduler_.Trace("peace");
    chaos_.MakePeace();
    operator_.MakePeace();
    deployer_.MakePeace();
    tenant_.MakePeace();
    key_producer_.MakePeace();
    producers_.push_back(std::make_unique<Producer>(stage_, "probe", kProbes));
    producers_.back()->Start();
  }

  bool EverythingEnded() {
    // Looking into the engine is cheap enough to do often; the final checks ask from outside.
    if (scheduler_.steps() % 64 != 0 || server_.node() == nullptr) return false;
    uint64_t live = 0;
    const Engine& engine = server_.node()->engine_for_tests();
    for (const QueueView& queue : engine.Queues().views)
      for (const TaskState state : kTaskStates)
        if (!IsTerminal(state)) live += queue.tasks[static_cast<size_t>(state)];
    return live == 0;
  }

  void AskForAll() {
    if (keeper_.gave_up()) return;
    if (server_.node() == nullptr) return history_.Violation("the server is down for good");
    server_.node()->engine_for_tests().state().CheckInvariants();
    uint64_t waiting = history_.accepted().size();
    for (const TaskId id : history_.accepted())
      server_.node()->Do(GetTask{.id = id}, [this, &waiting, id, told = history_.Asking(id)](
                                                const Result<TaskView>& view) {
        history_.Ended(id, told, view);
        --waiting;
      });
    for (const TaskId id : history_.accepted())
      for (const auto about : {TrailQuestion::About::kLog, TrailQuestion::About::kAttempts}) {
        ++waiting;
        TrailQuestion(&scheduler_, &history_, id, about)
            .Ask(server_.node(), [&waiting](const std::function<void()>& compare) {
              compare();
              --waiting;
            });
      }
    ++waiting;
    server_.node()->Do(ListQueues{}, [this, &waiting](const Result<ListPart<QueueView>>& queues) {
      history_.SeenQueues(queues->views);
      --waiting;
    });
    RunUntil([&] { return waiting == 0; }, 60'000);
    if (waiting > 0) history_.Violation(std::to_string(waiting) + " questions were not answered");
    if (!ProducersDone()) history_.Violation("a producer was never done");
    if (!key_producer_.done()) history_.Violation("the producer of keys was never done");
    if (!operator_.done()) history_.Violation("the operator was never done");
    if (!deployer_.done()) history_.Violation("the deployer was never done");
    if (!tenant_.done()) history_.Violation("the tenant was never done");
  }

  RunReport Report() {
    RunReport report;
    report.seed = options_.seed;
    report.violations = history_.violations();
    scheduler_.Fold("end", history_.leases(), history_.completions());
    report.trace_hash = scheduler_.trace_hash();
    report.steps = scheduler_.steps();
    report.commands = network_.commands();
    report.virtual_ms = scheduler_.MonotonicMs();
    report.crashes = server_.crashes();
    report.accepted = history_.accepted().size();
    report.leases = history_.leases();
    report.completions = history_.completions();
    report.states_compared = keeper_.states_compared();
    report.faults = faults_.counts();
    return report;
  }

  RunOptions options_;
  Scheduler scheduler_;
  Faults faults_;
  SimExecutor* outside_;
  SimulatedServer server_;
  Network network_;
  History history_;
  Stage stage_;
  std::vector<std::unique_ptr<Producer>> producers_;
  std::vector<std::unique_ptr<Worker>> workers_;
  Chaos chaos_;
  Keeper keeper_;
  KeyProducer key_producer_;
  Operator operator_;
  Deployer deployer_;
  Tenant tenant_;
  Observer observer_;
  int64_t faults_last_ms_ = 0;
};

}  // namespace

RunReport RunWorld(const RunOptions& options) { return World(options).Run(); }

}  // namespace treadle::sim
