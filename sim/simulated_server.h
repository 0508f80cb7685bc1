// SimulatedServer: the whole node on a simulated disk, which can crash at any disk operation and
// come back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "node/node.h"
#include "sim/border.h"
#include "sim/faults.h"
#include "sim/scheduler.h"
#include "sim/sim_disk.h"
#include "sim/sim_vfs.h"

namespace treadle::sim {

/// Sizes that depend on each other: those of a production server, over 256. A frame that has grown
/// to kFrameBytes takes no other command, so one command more must fit into a segment beside it.
inline constexpr uint64_t kSegmentBytes = uint64_t{128} << 10;
inline constexpr size_t kFrameBytes = size_t{16} << 10;

class SimulatedServer {
 public:
  /// Borrows the scheduler. The server is down until Start().
  SimulatedServer(Scheduler* scheduler, uint64_t seed);
  ~SimulatedServer();

  /// From the next Start() on.
  NodeOptions& options() { return options_; }
  /// Opens the data directory and serves. False if the disk died meanwhile: then Crash() follows.
  /// Any other refusal to open is an error.
  Result<bool> Start();

  enum class Death {
    kProcess,  // what it wrote is there: kill -9 leaves the page cache
    kPower,    // what was not synced may be lost
    kByChance,
  };
  /// It dies now.
  void Crash(Death death = Death::kByChance);

  /// It is asked to stop, as by SIGTERM: goes on until has_closed(), then Leave() follows.
  void BeginStop();
  bool is_stopping() const { return is_stopping_; }
  bool has_closed() const { return has_closed_; }
  /// The process ends, and with kPower the machine right behind it.
  void Leave(Death death);

  /// Null while down. Answers of a node that has crashed since never come.
  Node* node() { return node_.get(); }
  /// Of that node; where requests come in once it is open.
  Border* border() { return border_.get(); }
  SimDisk& disk() { return disk_; }
  /// Rises with each Start().
  uint64_t incarnation() const { return incarnation_; }
  uint64_t crashes() const { return crashes_; }
  /// Frames that the store did not have when the server was started.
  uint64_t replayed() const { return replayed_; }
  /// Why the node stopped itself although its disk lives; empty: it did not.
  const std::string& stopped() const { return stopped_; }
  /// Since it was started the disk has done something that a node may stop for, or refuse to start.
  bool has_reason_to_stop() const { return disk_.insults() != insults_at_start_; }

  enum LaneName { kShardLane, kJournalLane, kCheckpointLane, kReaderLane, kLanes };
  Lane* lane(LaneName name) { return lanes_[name]; }

 private:
  Status Open();
  void ComeBack(Death death);

  Scheduler* scheduler_;
  SeededRandom random_;
  NodeOptions options_;
  SimDisk disk_;
  std::unique_ptr<SimVfs> vfs_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<Border> border_;
  Lane* lanes_[kLanes] = {};
  uint64_t crashes_ = 0;
  uint64_t incarnation_ = 0;
  uint64_t insults_at_start_ = 0;
  std::string stopped_;
  bool is_stopping_ = false;
  bool has_closed_ = false;
  uint64_t replayed_ = 0;
};

}  // namespace treadle::sim
