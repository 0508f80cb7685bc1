// ChildGuard: a process beside this one that kills the programs which this one runs, with all of
// their process groups, if this one ends without having seen to it: kill -9, a crash.
//
// The guard holds the other end of a pipe and nothing else. Programs register themselves between
// fork() and exec(), so that there is no moment at which one is not known. Any thread.
#pragma once

#include <sys/types.h>

#include <memory>

#include "worker/unique_fd.h"

namespace treadle::worker {

class ChildGuard {
 public:
  /// Nothing if there is no process or no descriptor to be had.
  static std::unique_ptr<ChildGuard> Start();
  /// Ends the guard. No program that it knows of may be running.
  ~ChildGuard();
  ChildGuard(const ChildGuard&) = delete;
  ChildGuard& operator=(const ChildGuard&) = delete;

  /// The leader of a group begins, and calls this itself. Async-signal-safe.
  void Add(pid_t leader) const noexcept { Tell(leader); }
  /// It has ended, and was not waited for yet.
  void Remove(pid_t leader) const noexcept { Tell(-leader); }

 private:
  ChildGuard(UniqueFd pipe, pid_t pid) : pipe_(std::move(pipe)), pid_(pid) {}

  void Tell(pid_t number) const noexcept;

  const UniqueFd pipe_;  // its write end
  const pid_t pid_;
};

}  // namespace treadle::worker
