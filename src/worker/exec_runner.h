// Any program as a handler: payload on standard input, result from standard output, outcome by exit
// status.
//
//   - 0: the task completes with the program's output.
//   - 75 (EX_TEMPFAIL): it fails and is tried again; so for every status that is not listed, code
//     "exit_N".
//   - 65, 66, 77, 78 (EX_DATAERR, EX_NOINPUT, EX_NOPERM, EX_CONFIG): it fails for good.
//   - 118: it is snoozed, for the time in the last line of output ("10m"), or for a minute if
//     there is no output. A line that is no duration fails, code "snooze_invalid".
//   - 119: it is discarded; the tail of standard error is the reason.
//   - death by a signal: it is tried again, code "signal_SIGKILL" and the like.
//
// If the program itself cannot be started (it is gone, or may not be run), the worker stops, and
// the attempt does not count. A script that calls a missing command is not that: it ends with 127,
// and has failed.
//
// 118 and 119 are beyond what sysexits.h and curl use, and below what shells and env(1) do.
//
// The last 64 KiB of standard error are the attempt's log, their tail the error's text. The program
// finds TREADLE_TASK_ID, TREADLE_TYPE, TREADLE_QUEUE, TREADLE_ATTEMPT, TREADLE_MAX_ATTEMPTS and
// TREADLE_CONTENT_TYPE in its environment, TREADLE_TIMEOUT_MS (how long it may take) and
// TREADLE_DEADLINE (when the task as a whole must have ended, RFC 3339), which are empty if there
// is no such bound, and TRACEPARENT if the task has one. When its task is cancelled, or its time is
// up, it gets SIGTERM, and SIGKILL after 5 seconds, with all of its process group. If the worker
// dies, it is killed, with its group.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "worker/handler.h"

namespace treadle::worker {

struct ExecOptions {
  std::vector<std::string> argv;  // the program and its arguments; not empty
  std::string result_content_type = "text/plain; charset=utf-8";
  int64_t kill_after_ms = 5'000;
  /// Standard error goes through as it is even if that of this process is a terminal.
  bool raw_errors = false;
};

/// The handler may run on several threads at once. Starts a ChildGuard, which ends with it.
Handler MakeExecHandler(ExecOptions options);

}  // namespace treadle::worker
