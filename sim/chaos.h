// Chaos: faults of the machine, its disk and its clocks, one tick at a time. Faults of messages and
// workers are injected by Network and Worker themselves.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "sim/faults.h"
#include "sim/scheduler.h"
#include "sim/simulated_server.h"

namespace treadle::sim {

class Chaos {
 public:
  /// Calls `burst` to raise the load. Borrows all pointers.
  Chaos(Scheduler* scheduler, SimulatedServer* server, Faults* faults, SimExecutor* executor,
        std::function<void()> burst);
  /// No fault happens before this call.
  void Start() { started_ = true, Later(); }
  /// Heals the disk and disarms every fault that has not happened yet.
  void MakePeace();

  /// Call right before the server starts.
  void BeforeStart();
  /// Call when the server goes down, because of an armed fault or because it stopped itself.
  void Crash(bool was_armed);
  /// True once, when the process must be killed now without a disk fault.
  bool KillsNow() { return std::exchange(kill_now_, false); }
  /// True once, when the server must stop in an orderly way.
  bool StopsNow() { return std::exchange(stop_now_, false); }

 private:
  void Later();
  void Tick();
  void FillDisk();
  void EmptyDisk();
  void SlowDown();
  void StepWall();
  void ForceCheckpoint();
  void BeforeWork(const SimExecutor* executor);
  void ArmCrash(Fault fault, uint64_t operations_max);
  void ArmKill();
  void Misread();

  Scheduler* scheduler_;
  SimulatedServer* server_;
  Faults* faults_;
  SimExecutor* executor_;
  std::function<void()> burst_;
  Fault armed_ = Fault::kPowerFailure;  // takes the server down once its disk dies
  bool started_ = false;
  bool kill_now_ = false;
  bool stop_now_ = false;
  uint64_t full_ = 0;  // times the disk was filled
};

}  // namespace treadle::sim
