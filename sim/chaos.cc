#include "sim/chaos.h"

#include <string>
#include <utility>

namespace treadle::sim {
namespace {

constexpr uint64_t kTickMs = 400;
constexpr uint64_t kCrashWithin = 150;  // disk operations
constexpr uint64_t kCheckpointCrashWithin = 30;
constexpr uint64_t kStartCrashWithin = 20;
constexpr uint64_t kMisreadWithin = 6;           // reads
constexpr uint64_t kRoomOfAFullDisk = 32 << 10;  // bytes
constexpr uint64_t kFullMs = 8'000;
constexpr uint64_t kStallMs = 8'000;
constexpr uint64_t kWallStepMs = 600'000;

}  // namespace

Chaos::Chaos(Scheduler* scheduler, SimulatedServer* server, Faults* faults, SimExecutor* executor,
             std::function<void()> burst)
    : scheduler_(scheduler),
      server_(server),
      faults_(faults),
      executor_(executor),
      burst_(std::move(burst)) {
  server_->disk().CountIn(faults);
  scheduler_->before_work = [this](const SimExecutor* working) { BeforeWork(working); };
}

void Chaos::Later() {
  executor_->PostAfter(static_cast<int64_t>(scheduler_->random.Below(kTickMs)), [this] { Tick(); });
}

void Chaos::MakePeace() {
  faults_->Stop();
  kill_now_ = stop_now_ = false;
  server_->disk().Soothe();
  EmptyDisk();
  // Tasks that wait for the wall clock must not wait for hours.
  scheduler_->StepWall(scheduler_->LatestWall() - scheduler_->Wall());
}

void Chaos::Tick() {
  if (faults_->Rolls(Fault::kPowerFailure)) ArmCrash(Fault::kPowerFailure, kCrashWithin);
  if (faults_->Rolls(Fault::kProcessKill)) ArmKill();
  if (faults_->Rolls(Fault::kOrderlyStop)) stop_now_ = true;
  if (faults_->Rolls(Fault::kBitFlip)) Misread();
  if (faults_->Rolls(Fault::kSyncFailure)) server_->disk().FailNextSync();
  if (faults_->Rolls(Fault::kDiskFull)) FillDisk();
  if (faults_->Rolls(Fault::kSlowDisk)) SlowDown();
  if (faults_->Happens(Fault::kWallStep)) StepWall();
  if (faults_->Happens(Fault::kBurst)) burst_();
  if (faults_->Rolls(Fault::kForcedCheckpoint)) ForceCheckpoint();
  Later();
}

void Chaos::ArmCrash(Fault fault, uint64_t operations_max) {
  armed_ = fault;
  server_->disk().CrashAt(1 + scheduler_->random.Below(operations_max));
}

void Chaos::Misread() { server_->disk().MisreadNext(scheduler_->random.Below(kMisreadWithin)); }

void Chaos::BeforeStart() {
  if (!started_) return;
  if (faults_->Rolls(Fault::kPowerFailure)) ArmCrash(Fault::kPowerFailure, kStartCrashWithin);
  if (faults_->Rolls(Fault::kBitFlip)) Misread();
}

void Chaos::ArmKill() {
  ArmCrash(Fault::kProcessKill, kCrashWithin);
  kill_now_ = scheduler_->random.OneIn(2);
}

void Chaos::BeforeWork(const SimExecutor* executor) {
  if (server_->node() == nullptr ||
      executor != server_->executor(SimulatedServer::kCheckpointExecutor))
    return;
  scheduler_->Tell([] { return std::string("a checkpoint runs"); });
  if (faults_->Rolls(Fault::kCrashInCheckpoint))
    ArmCrash(Fault::kCrashInCheckpoint, kCheckpointCrashWithin);
}

void Chaos::Crash(bool was_armed) {
  using Death = SimulatedServer::Death;
  const Fault fault = std::exchange(armed_, Fault::kPowerFailure);
  if (was_armed) faults_->Count(fault);
  scheduler_->Fold(was_armed ? FaultName(fault) : "it stopped itself");
  scheduler_->Tell([&] {
    return "the server goes down: " +
           (was_armed ? std::string(FaultName(fault)) : "it stopped itself: " + server_->stopped());
  });
  if (!was_armed || fault == Fault::kCrashInCheckpoint) return server_->Crash(Death::kByChance);
  server_->Crash(fault == Fault::kPowerFailure ? Death::kPower : Death::kProcess);
}

void Chaos::FillDisk() {
  SimDisk& disk = server_->disk();
  disk.SetCapacity(disk.used() + scheduler_->random.Below(kRoomOfAFullDisk));
  scheduler_->Trace("the disk fills");
  executor_->PostAfter(static_cast<int64_t>(scheduler_->random.Below(kFullMs)),
                       [this, times = ++full_] {
                         if (times == full_) EmptyDisk();
                       });
}

void Chaos::EmptyDisk() {
  scheduler_->Trace("the disk empties");
  server_->disk().SetCapacity(UINT64_MAX);
}

void Chaos::SlowDown() {
  if (server_->node() == nullptr) return;
  constexpr SimulatedServer::ExecutorName kSlow[] = {SimulatedServer::kJournalExecutor,
                                                     SimulatedServer::kCheckpointExecutor,
                                                     SimulatedServer::kReaderExecutor};
  faults_->Count(Fault::kSlowDisk);
  const uint64_t most_ms = scheduler_->random.OneIn(2) ? 200 : kStallMs;
  constexpr const char* kNames[] = {"journal", "checkpoint", "reader"};
  const uint64_t slow = scheduler_->random.Below(3);
  const auto ms = static_cast<int64_t>(1 + scheduler_->random.Below(most_ms));
  scheduler_->Tell([&] {
    return "the " + std::string(kNames[slow]) + " stalls for " + std::to_string(ms) + " ms";
  });
  server_->executor(kSlow[slow])->StallFor(ms);
}

void Chaos::StepWall() {
  const auto by_ms = static_cast<int64_t>(scheduler_->random.Below(kWallStepMs));
  scheduler_->StepWall(scheduler_->random.OneIn(2) ? by_ms : -by_ms);
}

// A list request forces a checkpoint.
void Chaos::ForceCheckpoint() {
  if (server_->node() == nullptr) return;
  faults_->Count(Fault::kForcedCheckpoint);
  scheduler_->Tell([] { return std::string("a list asks for a checkpoint"); });
  server_->node()->Do(ListTasks{}, [](const Result<ListReply>&) {});
}

}  // namespace treadle::sim
