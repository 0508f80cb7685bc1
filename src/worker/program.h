// Programs by their names, before they are run. Any thread.
#pragma once

#include <string>

#include "base/status.h"

namespace treadle::worker {

/// The path of the program: `name` itself if it has a slash, else where PATH has it. Nothing (and
/// ENOENT or EACCES in `error`) if there is none that may be run.
std::string FindProgram(const std::string& name, int* error);

/// FAILED_PRECONDITION, "cannot run NAME: …", if it is plain that the program cannot be started: it
/// is missing, is no file, may not be run, or the interpreter of the script is missing.
Status CheckProgram(const std::string& name);

}  // namespace treadle::worker
