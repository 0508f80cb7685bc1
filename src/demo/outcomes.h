// What became of the tasks of one run, read from the server's lists. One thread.
#pragma once

#include <map>
#include <string>

#include "base/status.h"
#include "base/time.h"
#include "console/session.h"
#include "demo/digest.h"

namespace treadle::demo {

struct FileOutcome {
  std::string id;
  bool completed = false;  // else dead
  int64_t attempt = 0;
  WallTime enqueued;
  WallTime started;  // of the last attempt
  WallTime finished;
  std::string error;  // "file_missing: /x: No such file or directory", if dead
  FileDigest digest;  // if completed
};

struct Outcomes {
  std::map<std::string, FileOutcome> by_key;  // by FileKey()
  int64_t duplicates = 0;  // files that were completed more than once, each further time counted
};

/// Reads all digest tasks of `run` that have ended; their ids follow `scan_id`. The lists may lag
/// behind by a moment: read again if something is missing.
Result<Outcomes> ReadOutcomes(Session& session, const std::string& run, const std::string& scan_id);

}  // namespace treadle::demo
