#include "console/exit_status.h"

namespace treadle {
namespace {

// The client and a server both say UNAVAILABLE; client.h fixes how the client's own sentences
// begin.
bool IsUnreachable(const Status& status) {
  return status.message().starts_with("cannot reach") ||
         status.message().starts_with("cannot speak TLS");
}

}  // namespace

ExitStatus ExitStatusFor(const Status& status) {
  switch (status.code()) {
    case Code::kOk:
      return ExitStatus::kOk;
    case Code::kInvalidArgument:
    case Code::kOutOfRange:
    case Code::kAlreadyExists:
      return ExitStatus::kBadInput;
    case Code::kNotFound:
      return ExitStatus::kNotFound;
    case Code::kDeadlineExceeded:
      return ExitStatus::kTimedOut;
    case Code::kUnavailable:
      return IsUnreachable(status) ? ExitStatus::kUnreachable : ExitStatus::kRefused;
    case Code::kResourceExhausted:
      return ExitStatus::kRefused;
    case Code::kPermissionDenied:
    case Code::kUnauthenticated:
      return ExitStatus::kPermission;
    default:
      return ExitStatus::kFailure;
  }
}

std::string_view ExitStatusHelp() {
  return "Exit status:\n"
         "  0  done\n"
         "  1  another failure\n"
         "  2  wrong usage: an unknown command or flag, or a missing argument\n"
         "  3  no Treadle server can be reached\n"
         "  4  bad input: invalid JSON, an invalid ID, a value out of range\n"
         "  5  not found: no such task or queue\n"
         "  6  the task is dead: all its attempts failed\n"
         "  7  timed out\n"
         "  8  the server refuses the request for now: try again later\n"
         "  9  not permitted: the token is missing or insufficient\n";
}

}  // namespace treadle
