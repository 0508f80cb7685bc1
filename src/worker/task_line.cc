#include "worker/task_line.h"

#include <poll.h>
#include <unistd.h>

#include "base/terminal_text.h"

namespace treadle::worker {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMessageColumns = 80;

// "exit 1", "SIGKILL": the codes of programs, whose own words are on standard error already.
std::string ProgramsEnd(std::string_view code) {
  if (code.starts_with("exit_")) return "exit " + std::string(code.substr(5));
  if (code.starts_with("signal_")) return std::string(code.substr(7));
  return "";
}

// "3 min 5 s" of 185 s.
std::string TwoUnits(int64_t time, int64_t in_larger, const char* larger, const char* smaller) {
  const std::string text = std::to_string(time / in_larger) + larger;
  const int64_t rest = time % in_larger;
  return rest == 0 ? text : text + " " + std::to_string(rest) + smaller;
}

}  // namespace

TaskLine::TaskLine(const wire::Lease& lease)
    : task_(Printable(lease.id + " " + lease.type)),
      attempt_("attempt " + std::to_string(lease.attempt) + " of " +
               std::to_string(lease.max_attempts)),
      is_sensitive_(lease.sensitive) {}

std::string TaskLine::For(const Outcome& outcome) const {
  const std::string time =
      ShortTime(std::chrono::duration_cast<milliseconds>(Clock::now() - begun_));
  return task_ + std::visit(Overloaded{[&](const Completed&) { return " completed in " + time; },
                                       [&](const Failed& failed) { return Failure(failed); },
                                       [&](const Released&) {
                                         return " was stopped after " + time +
                                                " and returned without counting the attempt";
                                       },
                                       [&](const Snoozed& snoozed) {
                                         return " snoozed for " + ShortTime(snoozed.delay);
                                       },
                                       [&](const Discarded&) { return std::string(" discarded"); },
                                       [&](const StopWorker&) {
                                         return std::string(" could not be run and was returned");
                                       }},
                            outcome);
}

std::string TaskLine::Failure(const Failed& failed) const {
  std::string why = is_sensitive_ ? "" : ProgramsEnd(failed.code);
  if (why.empty() && !is_sensitive_) {
    why = failed.code.empty() ? "failed" : Printable(failed.code);
    if (!failed.message.empty())
      why += ": " + Shortened(Printable(TellingLine(failed.message)), kMessageColumns);
  }
  return " failed" + (why.empty() ? "" : " (" + why + ")") + ", " + attempt_;
}

// Only these words, whatever the server sent: the line is its reader's, not the server's.
std::string WhatFollows(const wire::ReportAnswer& answer) {
  if (answer.retry_in_ms) return ", retrying in " + ShortTime(milliseconds(*answer.retry_in_ms));
  if (answer.state == "dead") return ", dead";
  return answer.state == "cancelled" ? ", cancelled" : "";
}

std::string ShortTime(milliseconds time) {
  const int64_t ms = time.count();
  if (ms < 1'000) return std::to_string(ms) + " ms";
  if (ms >= 86'400'000) return TwoUnits(ms / 3'600'000, 24, " d", " h");
  if (ms >= 3'600'000) return TwoUnits(ms / 60'000, 60, " h", " min");
  if (ms >= 60'000) return TwoUnits(ms / 1'000, 60, " min", " s");
  const std::string tenths = ms / 100 % 10 == 0 ? "" : "." + std::to_string(ms / 100 % 10);
  return std::to_string(ms / 1'000) + tenths + " s";
}

void WriteTaskLine(std::string_view line) {
  pollfd writable{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (poll(&writable, 1, 0) != 1 || (writable.revents & POLLOUT) == 0) return;
  const std::string text = Printable(line) + "\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace treadle::worker
