// StreamProgram: a program that keeps running and exchanges lines with this process
// (stream_line.h).
//
// Who owns it serves it from the keeper's thread (StreamPrograms), which starts it, passes on what
// it writes on standard error, and notes its end. Who has borrowed it sends it lines and waits for
// its own. Both may be at work at once; the methods say which of them may call.
#pragma once

#include <poll.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/thread_annotations.h"
#include "worker/error_text.h"
#include "worker/line_buffer.h"
#include "worker/spawn.h"

namespace treadle::worker {

class StreamProgram {
 public:
  using Clock = std::chrono::steady_clock;

  /// How it has ended.
  struct End {
    int exit_status = 0;  // if `signal` is 0
    int signal = 0;
  };
  enum class Event {
    kLine,       // a line came
    kClosed,     // it ended, or closed its output or its input: no line will come
    kTooLong,    // a line is beyond the bound
    kCancelled,  // Cancel() was called; once
    kLate,       // the time has passed
  };

  /// Takes over what Spawn() has started. `raw_errors`: see ErrorText.
  StreamProgram(Spawned spawned, UniqueFd cancel, bool raw_errors);

  // ---- its borrower ----

  /// The task that begins is sensitive, or is not: what the program writes on standard error is
  /// not passed on meanwhile. Forgets what it wrote before.
  void BeginTask(bool is_sensitive);
  /// True if it wrote something behind the last line that was taken: as far as that came together
  /// with the line, or by now.
  bool HasBuffered() const { return !lines_.IsEmpty(); }
  bool HasOutput();
  /// Writes as much as the pipe takes, and leaves the rest to Wait(). Returns how many bytes are
  /// left.
  size_t Send(std::string_view line);
  /// The next event. `line` has no line end, and is valid until the next call.
  Event Wait(Clock::time_point until, std::string_view* line);
  /// Nothing of what was sent since BeginTask() was read. It has ended.
  bool HasReadNothing() const;
  /// How it ended, once that is known; nothing if it has not by then.
  std::optional<End> AwaitEnd(Clock::time_point until);
  /// The last that it wrote on standard error since BeginTask(), or since its start. Any thread.
  std::string TakeErrors();

  /// Wait() returns kCancelled. Async-signal-safe; any thread.
  void Cancel() const noexcept;
  /// To its process group; nothing once it has ended, and SIGTERM only once. Any thread.
  void Kill(int signal);

  // ---- its keeper ----

  pid_t pid() const { return spawned_.pid; }
  /// What poll(2) is to look at: its end, and its errors. Unset once there is nothing to come.
  pollfd AwaitedEnd() const { return {spawned_.exit.get(), POLLIN, 0}; }
  pollfd AwaitedErrors() const;
  /// While nobody has borrowed it: what it writes before it is ready.
  pollfd AwaitedOutput() const { return {spawned_.out.get(), POLLIN, 0}; }
  /// Passes on what is there.
  void ReadErrors();
  /// Collects its exit status if it has ended, and kills what it left of its group if it was
  /// killed. False if it runs.
  bool Reap(const ChildGuard* guard);
  /// Its input ends, and nobody reads its output any more. Nobody has borrowed it.
  void CloseInput() { spawned_.in.Close(); }

 private:
  void Write();
  void Read();
  bool HasMore();

  Spawned spawned_;
  const UniqueFd cancel_;  // an eventfd
  LineBuffer lines_;
  std::string unsent_;
  size_t sent_bytes_ = 0;  // since BeginTask()
  bool is_closed_ = false;
  bool is_cancelled_ = false;
  std::atomic<bool> errors_ended_ = false;

  Mutex mutex_;
  Condition ended_;
  std::optional<End> end_ TREADLE_GUARDED_BY(mutex_);
  bool is_killed_ TREADLE_GUARDED_BY(mutex_) = false;
  bool is_sensitive_ TREADLE_GUARDED_BY(mutex_) = false;
  std::string errors_ TREADLE_GUARDED_BY(mutex_);
  ErrorText error_text_ TREADLE_GUARDED_BY(mutex_);
};

}  // namespace treadle::worker
