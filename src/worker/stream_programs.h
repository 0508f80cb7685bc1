// StreamPrograms: the programs that `worker exec --stream` keeps running: several of one command,
// each lent to one task at a time.
//
// A thread of its own starts them, waits until each is ready, passes on what they write on standard
// error, and sees to their end. The first is started by StartFirst(), others when a task finds all
// of them lent. One that ends is replaced when it is missed. One that ends before it has finished a
// task is a failed start: the next one waits 100 ms, then twice as long each time, up to 30 s.
// After five failed starts one after the other, and if none of them runs, there is a stop reason.
//
// Borrow, GiveBack and Retire: any thread. Programs die with this process, as those of RunChild().
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/thread_annotations.h"
#include "treadle/handler.h"
#include "worker/child_guard.h"
#include "worker/stream_program.h"

namespace treadle::worker {

struct StreamOptions {
  std::vector<std::string> argv;  // the program and its arguments; not empty
  std::string type;               // of its tasks
  size_t programs_max = 10;       // that are lent at the same time
  int64_t kill_after_ms = 5'000;  // from SIGTERM to SIGKILL
  /// Standard error goes through as it is even if that of this process is a terminal.
  bool raw_errors = false;
  LogFn log;                        // not empty
  int64_t start_limit_ms = 60'000;  // for a program to be ready
  int64_t leave_ms = 2'000;         // from the end of its input to SIGTERM
};

class StreamPrograms {
 public:
  using Clock = std::chrono::steady_clock;

  explicit StreamPrograms(StreamOptions options);
  /// Closes their input, and ends those that do not end then. None is lent.
  ~StreamPrograms();
  StreamPrograms(const StreamPrograms&) = delete;
  StreamPrograms& operator=(const StreamPrograms&) = delete;

  /// Waits until one is ready. FAILED_PRECONDITION: "cannot run NAME: …".
  Status StartFirst();

  class Kept;
  using Lent = std::shared_ptr<Kept>;

  /// Waits until one is ready that is not lent. Nothing: `cancelled`, or there is a stop reason.
  Lent Borrow(const std::stop_token& cancelled);
  /// It has ended a task, and can begin another.
  void GiveBack(Lent lent);
  /// It has ended, or must: by SIGTERM, and by SIGKILL at that time. `fault`: it was of no use for
  /// any task, and why; or empty.
  void Retire(const Lent& lent, Clock::time_point kill_at, const std::string& fault = "");
  Clock::time_point KillTime() const {
    return Clock::now() + std::chrono::milliseconds(options_.kill_after_ms);
  }
  static StreamProgram& ProgramOf(const Lent& lent);
  const StreamOptions& options() const { return options_; }

  /// Why no program can be run; empty: none. Once there is one, it stays.
  std::string stop_reason();

 private:
  struct Greeting {
    bool is_closed = false;  // it will say nothing any more
    std::string wrong = {};  // with what it said; empty: nothing
  };

  void Keep();
  void Serve();
  void PollThem();
  std::vector<Lent> Snapshot();
  std::optional<Greeting> ReadGreeting(Kept* kept);
  void Welcome(const Lent& kept, const Greeting& greeting) TREADLE_REQUIRES(mutex_);
  void Advance(Kept* kept, Clock::time_point now) TREADLE_REQUIRES(mutex_);
  void NoteEnd(const Lent& kept) TREADLE_REQUIRES(mutex_);
  void Fail(const std::string& why) TREADLE_REQUIRES(mutex_);
  void Dismiss(Kept* kept, Clock::time_point kill_at) TREADLE_REQUIRES(mutex_);
  bool MustStart(Clock::time_point now) TREADLE_REQUIRES(mutex_);
  void StartOne();
  int PollTimeoutMs() TREADLE_REQUIRES(mutex_);
  size_t Count(int stage) const TREADLE_REQUIRES(mutex_);
  void Wake() const noexcept;
  std::string Name() const;
  void Log(std::string line) TREADLE_REQUIRES(mutex_) { lines_.push_back(std::move(line)); }

  const StreamOptions options_;
  const std::unique_ptr<const ChildGuard> guard_;
  const UniqueFd wake_;  // an eventfd
  Mutex mutex_;
  Condition changed_;
  std::vector<Lent> kept_ TREADLE_GUARDED_BY(mutex_);  // all that have not ended
  std::vector<Lent> idle_ TREADLE_GUARDED_BY(mutex_);  // of these; the last one given back is last
  size_t waiting_ TREADLE_GUARDED_BY(mutex_) = 0;      // borrowers
  size_t failures_ TREADLE_GUARDED_BY(mutex_) = 0;     // starts, one after the other
  Clock::time_point next_start_at_ TREADLE_GUARDED_BY(mutex_);
  bool has_started_ TREADLE_GUARDED_BY(mutex_) = false;  // one was ready
  std::string stop_reason_ TREADLE_GUARDED_BY(mutex_);
  std::vector<std::string> lines_ TREADLE_GUARDED_BY(mutex_);  // to be logged
  bool closing_ TREADLE_GUARDED_BY(mutex_) = false;
  std::thread keeper_;
};

}  // namespace treadle::worker
