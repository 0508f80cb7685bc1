// SimulatedServer: a whole node on a simulated disk. It can crash at any disk operation and come
// back.
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

/// Production sizes divided by 256. They depend on each other: a frame that has reached kFrameBytes
/// takes no more commands, so a segment must fit it plus one more command.
inline constexpr uint64_t kSegmentBytes = uint64_t{128} << 10;
inline constexpr size_t kFrameBytes = size_t{16} << 10;

class SimulatedServer {
 public:
  /// Borrows the scheduler. The server is down until Start().
  SimulatedServer(Scheduler* scheduler, uint64_t seed);
  ~SimulatedServer();

  /// Changes apply from the next Start().
  NodeOptions& options() { return options_; }
  /// Opens the data directory and serves. False if the disk died meanwhile: call Crash() next. Any
  /// other failure to open is an error.
  Result<bool> Start();

  enum class Death {
    kProcess,  // everything it wrote is there: kill -9 keeps the page cache
    kPower,    // unsynced data may be lost
    kByChance,
  };
  /// Kills the server now.
  void Crash(Death death = Death::kByChance);

  /// Requests an orderly stop, as SIGTERM does. The server runs until has_closed(); then call
  /// Leave().
  void BeginStop();
  bool is_stopping() const { return is_stopping_; }
  bool has_closed() const { return has_closed_; }
  /// Ends the process. With kPower the machine dies right after it.
  void Leave(Death death);

  /// Null while down. A node that crashes never answers its pending calls.
  Node* node() { return node_.get(); }
  /// Belongs to the node. Send requests here once it is open.
  Border* border() { return border_.get(); }
  SimDisk& disk() { return disk_; }
  /// Rises with each Start().
  uint64_t incarnation() const { return incarnation_; }
  uint64_t crashes() const { return crashes_; }
  /// Frames that the store did not have when the server started.
  uint64_t replayed() const { return replayed_; }
  /// Why the node stopped itself although its disk lives. Empty: it did not.
  const std::string& stopped() const { return stopped_; }
  /// Whether the disk has had a fault since the start for which a node may stop or refuse to start.
  bool has_reason_to_stop() const { return disk_.insults() != insults_at_start_; }

  enum ExecutorName {
    kShardExecutor,
    kJournalExecutor,
    kCheckpointExecutor,
    kReaderExecutor,
    kExecutors
  };
  SimExecutor* executor(ExecutorName name) { return executors_[name]; }

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
  SimExecutor* executors_[kExecutors] = {};
  uint64_t crashes_ = 0;
  uint64_t incarnation_ = 0;
  uint64_t insults_at_start_ = 0;
  std::string stopped_;
  bool is_stopping_ = false;
  bool has_closed_ = false;
  uint64_t replayed_ = 0;
};

}  // namespace treadle::sim
