// The lines that `treadle worker exec --stream` and a program exchange (docs/stream.md): one JSON
// object a line, by RFC 8259. What goes to the program is written here, what it writes is read
// here, strictly. Pure; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/status.h"
#include "treadle/task.h"

namespace treadle::worker {

inline constexpr int64_t kStreamVersion = 1;
inline constexpr size_t kStreamLineBytesMax = size_t{2} << 20;  // of a program, without its end

// ---- to the program; each has its line end ----

/// The first line: which versions the program may choose from, all up to this one.
std::string StreamHello(std::string_view type);

using StepsByName = std::map<std::string, Bytes, std::less<>>;

/// What earlier attempts saved.
struct StreamSaved {
  StepsByName steps = {};
  std::optional<Bytes> checkpoint = {};
};
/// `timeout`: how long the attempt may take; nothing: no limit. Line ends in JSON become spaces.
std::string StreamTask(const Task& task, std::optional<std::chrono::milliseconds> timeout,
                       const StreamSaved& saved);
/// Follows a step or a checkpoint.
std::string StreamAnswer(const Status& saved);

// ---- from the program ----

namespace stream {

struct Ready {
  int64_t version;
};
struct Log {
  std::string text;
};
struct Progress {
  double fraction;
  std::string message;
};
struct Step {
  std::string name;
  Bytes result;
};
struct Checkpoint {
  Bytes data;
};
/// Completed, Failed, Released, Snoozed or Discarded.
struct End {
  Outcome outcome;
};

}  // namespace stream

struct StreamLine {
  std::variant<stream::Ready, stream::Log, stream::Progress, stream::Step, stream::Checkpoint,
               stream::End>
      what;
  std::string task;  // that the line names; empty: none
};

/// `line` has no line end. INVALID_ARGUMENT says what is wrong, and quotes nothing of the line but
/// names of fields.
Result<StreamLine> ParseStreamLine(std::string_view line);

}  // namespace treadle::worker
