// A handler that gives each task to a program which keeps running (docs/stream.md): a line in, a
// line out.
//
// What a program does wrong costs the task that it has, and no other: it fails, with one of these
// codes, and the program is ended and replaced.
//
//   exit_N, signal_SIGKILL …  it ended without an outcome
//   line_invalid              a line that does not follow the protocol; retried, as those above
//   line_unexpected           something behind the outcome; retried
//   line_too_long             more than 2 MiB; not retried
//   output_closed             it closed its output or its input, or does not read; retried
//
// A program that ends before it has read anything of its task has not begun it: another one gets
// the task. When a task is cancelled, or its time is up, the program gets SIGTERM, and SIGKILL
// after 5 seconds, with all of its process group. What it writes on standard error while it has a
// task is that task's log, up to 64 KiB.
#pragma once

#include <memory>

#include "worker/handler.h"
#include "worker/stream_programs.h"

namespace treadle::worker {

/// The handler may run on several threads at once. It stops the worker once no program can be run.
Handler MakeStreamHandler(std::shared_ptr<StreamPrograms> programs);

}  // namespace treadle::worker
