// SimVfs: lets SQLite run on a Disk, and so on a simulated one.
//
// While it lives, SQLite knows a file system under its name; connections name it when they open,
// and must all be closed before it goes. Files, syncs and directories are the Disk's; locks and the
// shared memory of write-ahead logs live in plain memory here and are gone with it, as those of a
// process that dies. Nothing is left to chance or to the machine: randomness is seeded (SQLite's
// own generator too, which is the whole process's), sleeping takes no time, and the date is what
// was last set.
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
  /// `disk` must outlive it; `name` must be no other file system's.
  SimVfs(Disk* disk, std::string name, uint64_t seed = 1);
  ~SimVfs();
  SimVfs(const SimVfs&) = delete;
  SimVfs& operator=(const SimVfs&) = delete;

  const std::string& name() const;
  /// What SQLite takes for the date; 1970-01-01 until set.
  void set_wall(WallTime wall);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace treadle::sim
