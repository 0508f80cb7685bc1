// RunChild: one run of a program with bytes in and bytes out.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "worker/child_guard.h"

namespace treadle::worker {

struct ChildOptions {
  std::vector<std::string> argv;         // argv[0] is searched in PATH
  std::vector<std::string> environment;  // "NAME=value", on top of this process's own
  size_t output_bytes_max = size_t{1} << 20;
  size_t error_tail_bytes = size_t{8} << 10;
  std::function<void(std::string_view)> on_error_text;  // gets what it writes on standard error
  int64_t kill_after_ms = 5'000;                        // from SIGTERM to SIGKILL, when cancelled
  const ChildGuard* guard = nullptr;                    // knows it while it runs
};

struct ChildResult {
  int spawn_errno = 0;  // not 0: the program could not be started, and nothing below is meant
  int exit_status = 0;  // if `signal` is 0
  int signal = 0;       // that ended it
  bool output_too_large = false;  // `output` is cut; the rest was read and dropped
  bool was_cancelled = false;     // it was asked to end before it did
  std::string output;
  std::string error_tail;  // of standard error
};

/// Runs the program in a process group of its own with `input` on standard input, until it has
/// ended and its output is read; what its own children hold open or still write after its end is
/// not waited for. `cancelled` sends SIGTERM to the group and later SIGKILL. If this process dies,
/// the program is killed, and what else is of its group if there is a guard. Any number of threads
/// at once; leaks no descriptor into other children.
ChildResult RunChild(const ChildOptions& options, std::string_view input,
                     const std::stop_token& cancelled);

/// "SIGKILL", or "signal 42" for one without a name.
std::string SignalName(int signal);

}  // namespace treadle::worker
