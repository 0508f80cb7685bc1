// The demo's progress on standard error: a bar that moves on a terminal, else a plain line each
// second. One thread.
#pragma once

#include <cstdint>

#include "console/console.h"

namespace treadle::demo {

struct Snapshot {
  bool scanning = true;  // more files may come
  int64_t known = 0;     // files enqueued so far
  int64_t done = 0;      // completed or dead
  int64_t dead = 0;
  int64_t retrying = 0;  // failed and waiting for another attempt
};

class Progress {
 public:
  explicit Progress(Console& console) : console_(console) {}
  /// Clear().
  ~Progress();

  /// As often as the caller likes. `elapsed_ms` since the job began.
  void Show(const Snapshot& snapshot, int64_t elapsed_ms);
  /// Takes the bar away, so that a message can be written.
  void Clear();

 private:
  Console& console_;
  int64_t shown_at_ms_ = -1'000;
  bool bar_ = false;
};

}  // namespace treadle::demo
