// One line for people about each task that a worker has run: "1-5 resize completed in 31 ms", "1-6
// greet failed (exit 1), attempt 1 of 20, retrying in 222 ms". Nothing of what a sensitive task
// carries or says is in it.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "client/wire.h"
#include "worker/handler.h"

namespace treadle::worker {

class TaskLine {
 public:
  /// The task begins now.
  explicit TaskLine(const wire::Lease& lease);
  /// It has ended.
  std::string For(const Outcome& outcome) const;

 private:
  using Clock = std::chrono::steady_clock;

  std::string Failure(const Failed& failed) const;

  const std::string task_;  // id and type
  const std::string attempt_;
  const bool is_sensitive_;
  const Clock::time_point begun_ = Clock::now();
};

/// The rest of the line, once the server has taken the report: ", retrying in 222 ms", ", dead".
/// Empty if the attempt did not fail, or the server does not report it (before 0.4).
std::string WhatFollows(const wire::ReportAnswer& answer);

/// "31 ms", "4.2 s", "3 min 5 s", "2 h 5 min", "1 d 3 h": rounded down.
std::string ShortTime(std::chrono::milliseconds time);

/// To standard error; a line that would have to wait for a reader is dropped, for a stopped
/// terminal must not stop the worker.
void WriteTaskLine(std::string_view line);

}  // namespace treadle::worker
