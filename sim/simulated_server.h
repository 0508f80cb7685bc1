// SimulatedServer: the whole node on a simulated disk, which can crash at any disk operation and
// come back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "node/node.h"
#include "sim/scheduler.h"
#include "sim/sim_disk.h"
#include "sim/sim_vfs.h"

namespace treadle::sim {

class SimulatedServer {
 public:
  /// Borrows the scheduler. The server is down until Start().
  SimulatedServer(Scheduler* scheduler, uint64_t seed);
  ~SimulatedServer();

  /// Opens the data directory and serves. False if the disk died meanwhile: then Crash() follows.
  /// Any other refusal to open is an error: no fault of this simulation excuses it.
  Result<bool> Start();
  /// The process dies now; what was not synced may be lost.
  void Crash();

  /// Null while down. Answers of a node that has crashed since never come.
  Node* node() { return node_.get(); }
  SimDisk& disk() { return disk_; }
  uint64_t crashes() const { return crashes_; }
  /// Why the node stopped itself although its disk was well; empty: it did not.
  const std::string& wrongly_stopped() const { return wrongly_stopped_; }

 private:
  Status Open();

  Scheduler* scheduler_;
  SeededRandom random_;
  SimDisk disk_;
  std::unique_ptr<SimVfs> vfs_;
  std::unique_ptr<Node> node_;
  Lane* lanes_[4] = {};
  uint64_t crashes_ = 0;
  uint64_t incarnation_ = 0;
  std::string wrongly_stopped_;
};

}  // namespace treadle::sim
