// SpareFiles: the files of a journal's directory that are ready to become segments.
//
// Every one has the full size of a segment, in blocks that the file system has placed already, and
// the directory knows it durably by its spare's name, or not at all if it is new: once its content
// is overwritten no crash can show that under the name of the segment it used to be. What is in a
// spare means nothing.
//
// Any thread; Adopt() before all others. The lock is never held during I/O.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/disk.h"
#include "base/status.h"
#include "base/thread_annotations.h"

namespace treadle {

class SpareFiles {
 public:
  /// Borrows `disk` for its life.
  SpareFiles(Disk* disk, std::string directory, uint64_t segment_bytes)
      : disk_(disk), directory_(std::move(directory)), segment_bytes_(segment_bytes) {}

  /// Whether a file of the directory is a spare, by its name.
  static bool IsSpare(const std::string& name) { return name.starts_with("spare-"); }

  /// Takes over what an earlier opening left behind, and removes what is of no use.
  Status Adopt(const std::vector<std::string>& names);

  /// The path of a spare, which is the caller's from now on. Makes one if there is none.
  Result<std::string> Take();
  /// Makes one if there is none. RESOURCE_EXHAUSTED: the disk is full, and the part is removed.
  Status Prepare();
  bool empty() const;
  /// Take() calls it when the disk is full, and tries again if it returns that it gained room.
  void WhenFull(std::function<Result<bool>()> gain) { gain_ = std::move(gain); }

  struct OldSegment {
    std::string path;
    uint64_t bytes;
  };
  /// Turns segments that are no longer needed into spares, in this order, or removes them.
  Status Recycle(const std::vector<OldSegment>& segments);

 private:
  Result<bool> IsUsable(const std::string& name);
  Result<std::string> Make();
  Status FillWithZeros(File* file) const;
  std::string NewPath();

  Disk* const disk_;
  const std::string directory_;
  const uint64_t segment_bytes_;
  std::function<Result<bool>()> gain_;

  mutable Mutex mutex_;
  std::vector<std::string> paths_ TREADLE_GUARDED_BY(mutex_);
  uint64_t next_ TREADLE_GUARDED_BY(mutex_) = 1;
};

}  // namespace treadle
