// Chaos: what goes wrong with the machine, its disk and its clocks, a tick at a time. (What goes
// wrong with messages and workers happens where they are.)
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
  /// `burst` is called when the load shall rise. Borrows all.
  Chaos(Scheduler* scheduler, SimulatedServer* server, Faults* faults, Lane* lane,
        std::function<void()> burst);
  /// Nothing goes wrong before.
  void Start() { started_ = true, Later(); }
  /// The disk is well from now on; no fault that was armed happens.
  void MakePeace();

  /// The server is about to be started.
  void BeforeStart();
  /// The server goes down: in the way that was armed for it, or because it stopped itself.
  void Crash(bool was_armed);
  /// True once, when the process is to be killed now, without a word from its disk.
  bool KillsNow() { return std::exchange(kill_now_, false); }
  /// True once, when the server is to be stopped in an orderly way.
  bool StopsNow() { return std::exchange(stop_now_, false); }

 private:
  void Later();
  void Tick();
  void FillDisk();
  void EmptyDisk();
  void SlowDown();
  void StepWall();
  void ForceCheckpoint();
  void BeforeWork(const Lane* lane);
  void ArmCrash(Fault fault, uint64_t operations_max);
  void ArmKill();
  void Misread();

  Scheduler* scheduler_;
  SimulatedServer* server_;
  Faults* faults_;
  Lane* lane_;
  std::function<void()> burst_;
  Fault armed_ = Fault::kPowerFailure;  // what takes the server down when its disk dies
  bool started_ = false;
  bool kill_now_ = false;
  bool stop_now_ = false;
  uint64_t full_ = 0;  // times that the disk was filled
};

}  // namespace treadle::sim
