// Any program as a handler: payload on standard input, result from standard output, outcome by exit
// status.
//
//   0                the task completes with the program's output
//   75 (EX_TEMPFAIL) it fails and is tried again; so for every status that is not listed, code
//   "exit_N" 65, 66, 77, 78   (EX_DATAERR, EX_NOINPUT, EX_NOPERM, EX_CONFIG) it fails for good 126,
//   127         the program cannot be run or found: the worker stops, and the attempt does not
//   count death by signal  it is tried again, code "signal_SIGKILL" and the like
//
// The tail of standard error becomes the error's text. The program finds TREADLE_TASK_ID,
// TREADLE_TYPE, TREADLE_QUEUE, TREADLE_ATTEMPT, TREADLE_MAX_ATTEMPTS and TREADLE_CONTENT_TYPE in
// its environment. When its task is cancelled, or its time is up, it gets SIGTERM, and SIGKILL
// after 5 seconds, with all of its process group.
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
};

/// The handler may run on several threads at once.
Handler MakeExecHandler(ExecOptions options);

}  // namespace treadle::worker
