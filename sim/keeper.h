// Keeper: keeps the server running. It restarts the server whenever it is down, tells justified
// stops from unjustified ones, and compares the state before a crash with the state after recovery.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sim/chaos.h"
#include "sim/history.h"
#include "sim/scheduler.h"
#include "sim/simulated_server.h"

namespace treadle::sim {

class Keeper {
 public:
  struct Parts {
    Scheduler* scheduler;
    SimulatedServer* server;
    History* history;
    Chaos* chaos;
    Faults* faults;
    SimExecutor* executor;
  };
  /// Borrows all pointers.
  explicit Keeper(const Parts& parts)
      : scheduler_(parts.scheduler),
        server_(parts.server),
        history_(parts.history),
        chaos_(parts.chaos),
        faults_(parts.faults),
        executor_(parts.executor) {}

  void Start() { BringUp(); }
  /// Call after each step. Checks that the server is still well.
  void Look();
  /// The server cannot be started again.
  bool gave_up() const { return gave_up_; }
  uint64_t states_compared() const { return states_compared_; }

 private:
  void BringUp();
  void BringUpLater();
  void OnStarted(uint64_t failed_syncs_before);
  void TellFrames();
  void NoteTime();
  void NoteState();
  void CompareState();
  void LookForFailedSync();
  bool LookAtStop();
  void CheckStop();

  Scheduler* scheduler_;
  SimulatedServer* server_;
  History* history_;
  Chaos* chaos_;
  Faults* faults_;
  SimExecutor* executor_;
  bool gave_up_ = false;

  // Shard time minus world time at the last start, and how far the wall clock had been set forward
  // by then.
  std::optional<int64_t> shard_offset_ms_;
  int64_t wall_forward_ms_ = 0;

  // A sync failed in this life of the server, so it must have stopped by this time.
  uint64_t failed_syncs_ = 0;
  std::optional<int64_t> must_stop_ms_;

  // The deadline of an orderly stop, and whether one completed. If so, the store must be complete.
  int64_t must_close_ms_ = 0;
  bool left_orderly_ = false;

  // State before the last crash or stop.
  uint64_t frame_ = 0;
  uint64_t digest_ = 0;
  uint64_t states_compared_ = 0;

  // Only used while the trace is printed.
  uint64_t told_frame_ = 0;
};

}  // namespace treadle::sim
