// Spawn: starts a program with pipes as its three standard streams.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "worker/child_guard.h"
#include "worker/unique_fd.h"

namespace treadle::worker {

/// A program that runs, and this side of its pipes, which do not block.
struct Spawned {
  pid_t pid = -1;  // also of its process group, which it leads
  UniqueFd in;     // to be written
  UniqueFd out;
  UniqueFd err;
  UniqueFd exit;  // a pidfd, readable once the program has ended; closed where there are none
};

/// Runs argv[0], which is searched in PATH, with `environment` ("NAME=value") on top of this
/// process's own. Returns 0, or the errno that says why it could not be started. The program gets
/// the signals of a fresh one and no other descriptor. It is killed when the thread that called
/// this ends, and its whole group when this process does, if there is a guard. The caller waits for
/// its end. Any thread.
int Spawn(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
          const ChildGuard* guard, Spawned* spawned);

}  // namespace treadle::worker
