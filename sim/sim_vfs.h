// SimVfs: runs SQLite on a Disk, and so on a simulated one.
//
// While a SimVfs lives, SQLite knows a file system under its name. Connections pass that name when
// they open, and all must be closed before the SimVfs goes. Files, syncs and directories are the
// Disk's. Locks and the shared memory of write-ahead logs live in plain memory here and vanish with
// it, as they do when a process dies. Nothing depends on chance or the machine: randomness is
// seeded (including SQLite's own generator, which the whole process shares), and the date is the
// one last set.
//
// Thread rule: connections on several threads may use it; the Disk sees one call at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/disk.h"
#include "base/time.h"

namespace treadle::sim {

class SimVfs {
 public:
  /// `disk` must outlive it. No other file system may have this `name`.
  SimVfs(Disk* disk, std::string name, uint64_t seed = 1);
  ~SimVfs();
  SimVfs(const SimVfs&) = delete;
  SimVfs& operator=(const SimVfs&) = delete;

  const std::string& name() const;
  /// The date that SQLite sees. 1970-01-01 until set.
  void set_wall(WallTime wall);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace treadle::sim
