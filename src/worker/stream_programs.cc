#include "worker/stream_programs.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/terminal_text.h"
#include "worker/child_process.h"
#include "worker/stream_line.h"

namespace treadle::worker {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr size_t kFailuresMax = 5;
constexpr milliseconds kBackoff(100);
constexpr milliseconds kBackoffMax(30'000);
constexpr milliseconds kClosedPatience(1'000);  // a program that has closed its output
constexpr milliseconds kReapEvery(50);          // where there are no pidfds
constexpr size_t kWordsColumns = 200;

enum Stage {
  kStarting,  // it is not ready yet
  kServes,    // idle or lent
  kLeaves,    // its input has ended
  kTermed,    // by SIGTERM
  kKilled,
};

// Those that pass by themselves.
bool IsPassing(int error) {
  static constexpr int kPassing[] = {EAGAIN, ENOMEM, EMFILE, ENFILE, ETXTBSY, EIO};
  return std::ranges::find(kPassing, error) != std::end(kPassing);
}

std::string ShortSpan(int64_t ms) {
  return ms % 1'000 == 0 ? std::to_string(ms / 1'000) + " s" : std::to_string(ms) + " ms";
}

std::string InWords(const StreamProgram::End& end) {
  return end.signal != 0 ? "was killed by " + SignalName(end.signal)
                         : "ended with exit status " + std::to_string(end.exit_status);
}

// As it may at any time between two tasks.
bool HasLeft(StreamProgram& program) {
  const std::optional<StreamProgram::End> end = program.AwaitEnd(Clock::now());
  return end && end->signal == 0 && end->exit_status == 0;
}

// ": no such file", the line with the error in what it printed; or nothing.
std::string LastWords(StreamProgram& program) {
  const std::string errors = program.TakeErrors();
  const std::string_view line = TellingLine(errors);
  return line.empty() ? "" : ": " + Shortened(Printable(line), kWordsColumns);
}

}  // namespace

class StreamPrograms::Kept {
 public:
  Kept(Spawned spawned, UniqueFd cancel, bool raw_errors, Clock::time_point start_by)
      : program(std::move(spawned), std::move(cancel), raw_errors), next_at(start_by) {}

  StreamProgram program;
  // These are guarded by the mutex of StreamPrograms.
  Stage stage = kStarting;
  Clock::time_point next_at;  // when the stage is over
  bool has_worked = false;    // it has finished a task
  bool is_closed = false;     // its output, before it was ready
};

StreamPrograms::StreamPrograms(StreamOptions options)
    : options_(std::move(options)),
      guard_(ChildGuard::Start()),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  TREADLE_CHECK(!options_.argv.empty() && wake_.is_open());
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  keeper_ = std::thread([this] { Keep(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

StreamPrograms::~StreamPrograms() {
  {
    MutexLock lock(mutex_);
    closing_ = true;
    idle_.clear();
    for (const Lent& kept : kept_) {
      if (kept->stage != kStarting && kept->stage != kServes) continue;
      kept->program.CloseInput();
      kept->stage = kLeaves;
      kept->next_at = Clock::now() + milliseconds(options_.leave_ms);
    }
  }
  Wake();
  keeper_.join();
}

StreamProgram& StreamPrograms::ProgramOf(const Lent& lent) { return lent->program; }

std::string StreamPrograms::stop_reason() {
  MutexLock lock(mutex_);
  return stop_reason_;
}

Status StreamPrograms::StartFirst() {
  MutexLock lock(mutex_);
  ++waiting_;
  Wake();
  while (idle_.empty() && stop_reason_.empty()) changed_.wait(mutex_);
  --waiting_;
  return stop_reason_.empty() ? Status() : Status(Code::kFailedPrecondition, stop_reason_);
}

StreamPrograms::Lent StreamPrograms::Borrow(const std::stop_token& cancelled) {
  const auto take = [this]() TREADLE_REQUIRES(mutex_) {
    Lent lent = std::move(idle_.back());
    idle_.pop_back();
    if (waiting_ > 0) Wake();  // the keeper may have taken this one for theirs, and started none
    return lent;
  };
  {
    MutexLock lock(mutex_);
    if (!idle_.empty() && stop_reason_.empty()) return take();
  }
  const std::stop_callback wake(cancelled, [this] {
    MutexLock lock(mutex_);
    changed_.notify_all();
  });
  MutexLock lock(mutex_);
  ++waiting_;
  Wake();
  while (idle_.empty() && stop_reason_.empty() && !cancelled.stop_requested())
    changed_.wait(mutex_);
  --waiting_;
  const bool is_over = !stop_reason_.empty() || cancelled.stop_requested();
  return is_over ? nullptr : take();
}

void StreamPrograms::GiveBack(Lent lent) {
  MutexLock lock(mutex_);
  if (!std::exchange(lent->has_worked, true)) failures_ = 0;
  idle_.push_back(std::move(lent));
  if (waiting_ > 0) changed_.notify_all();  // one alone may be cancelled, and not take it
}

void StreamPrograms::Retire(const Lent& lent, Clock::time_point kill_at, const std::string& fault) {
  {
    MutexLock lock(mutex_);
    const bool is_expected = lent->has_worked && HasLeft(lent->program);
    Dismiss(lent.get(), kill_at);
    if (!fault.empty() && !lent->has_worked) {
      Fail(fault);
    } else if (!fault.empty() && !is_expected) {
      Log(Name() + ": " + fault + "; another one is started");
    }
  }
  Wake();
}

void StreamPrograms::Dismiss(Kept* kept, Clock::time_point kill_at) {
  if (kept->stage == kTermed || kept->stage == kKilled) return;
  kept->program.CloseInput();
  kept->program.Kill(SIGTERM);
  kept->stage = kTermed;
  kept->next_at = kill_at;
}

std::string StreamPrograms::Name() const { return Printable(options_.argv.front()); }

void StreamPrograms::Wake() const noexcept {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
}

// ---- the keeper's thread ----

void StreamPrograms::Keep() {
  while (true) {
    PollThem();
    Serve();
    std::vector<std::string> lines;
    bool is_over = false;
    bool must_start = false;
    {
      MutexLock lock(mutex_);
      lines.swap(lines_);
      is_over = closing_ && kept_.empty();
      must_start = MustStart(Clock::now());
    }
    for (const std::string& line : lines) options_.log(line);
    if (is_over) return;
    if (must_start) StartOne();
  }
}

// Only this thread adds programs and removes them.
void StreamPrograms::PollThem() {
  std::vector<pollfd> fds = {{wake_.get(), POLLIN, 0}};
  int timeout_ms = -1;
  {
    MutexLock lock(mutex_);
    for (const Lent& kept : kept_) {
      fds.push_back(kept->program.AwaitedEnd());
      fds.push_back(kept->program.AwaitedErrors());
      if (kept->stage == kStarting && !kept->is_closed)
        fds.push_back(kept->program.AwaitedOutput());
    }
    timeout_ms = PollTimeoutMs();
  }
  poll(fds.data(), fds.size(), timeout_ms);
  uint64_t wakes = 0;
  [[maybe_unused]] const ssize_t size = read(wake_.get(), &wakes, sizeof wakes);
}

int StreamPrograms::PollTimeoutMs() {
  const Clock::time_point now = Clock::now();
  if (MustStart(now)) return 0;
  Clock::time_point until = now + std::chrono::hours(1);
  for (const Lent& kept : kept_) {
    if (kept->stage != kServes && kept->stage != kKilled) until = std::min(until, kept->next_at);
    if (kept->program.AwaitedEnd().fd < 0) until = std::min(until, now + kReapEvery);
  }
  if (waiting_ > 0 && next_start_at_ > now) until = std::min(until, next_start_at_);
  const auto left = std::chrono::ceil<milliseconds>(until - now);
  return static_cast<int>(std::max<int64_t>(left.count(), 0));
}

void StreamPrograms::Serve() {
  for (const Lent& kept : Snapshot()) {
    kept->program.ReadErrors();  // whoever reads our own may be slow: nobody else waits for that
    const std::optional<Greeting> greeting = ReadGreeting(kept.get());
    const bool has_ended = kept->program.Reap(guard_.get());
    MutexLock lock(mutex_);
    const Clock::time_point now = Clock::now();
    if (greeting) Welcome(kept, *greeting);
    if (has_ended) {
      std::erase(kept_, kept);
      NoteEnd(kept);
    } else if (kept->stage != kServes && now >= kept->next_at) {
      Advance(kept.get(), now);
    }
  }
}

std::vector<StreamPrograms::Lent> StreamPrograms::Snapshot() {
  MutexLock lock(mutex_);
  return kept_;
}

// Nobody else has a program before it is ready.
std::optional<StreamPrograms::Greeting> StreamPrograms::ReadGreeting(Kept* kept) {
  {
    MutexLock lock(mutex_);
    if (kept->stage != kStarting || kept->is_closed) return std::nullopt;
  }
  std::string_view line;
  switch (kept->program.Wait(Clock::now(), &line)) {
    case StreamProgram::Event::kClosed:
      return Greeting{.is_closed = true};
    case StreamProgram::Event::kTooLong:
      return Greeting{.wrong = "its first line is longer than 2 MiB"};
    case StreamProgram::Event::kLine: {
      const Result<StreamLine> read = ParseStreamLine(line);
      const auto* const ready = read.ok() ? std::get_if<stream::Ready>(&read->what) : nullptr;
      const std::string shown = Shortened(Printable(line), kWordsColumns);
      if (ready != nullptr && ready->version == kStreamVersion && !kept->program.HasOutput())
        return Greeting{};
      return Greeting{
          .wrong =
              R"(its first line must be {"ready":1}, with nothing behind it, and is: )" + shown};
    }
    default:
      return std::nullopt;
  }
}

void StreamPrograms::Welcome(const Lent& kept, const Greeting& greeting) {
  if (kept->stage != kStarting) return;
  if (greeting.is_closed) {
    kept->is_closed = true;
    kept->next_at = Clock::now() + kClosedPatience;
  } else if (!greeting.wrong.empty()) {
    Fail(greeting.wrong);
    Dismiss(kept.get(), KillTime());
  } else {
    kept->stage = kServes;
    has_started_ = true;
    idle_.push_back(kept);
    changed_.notify_all();
  }
}

void StreamPrograms::Advance(Kept* kept, Clock::time_point now) {
  switch (kept->stage) {
    case kStarting:
      Fail((kept->is_closed ? std::string("it closed its output before it was ready")
                            : "it was not ready within " + ShortSpan(options_.start_limit_ms)) +
           LastWords(kept->program));
      [[fallthrough]];
    case kLeaves:
      kept->program.Kill(SIGTERM);
      kept->stage = kTermed;
      kept->next_at = now + milliseconds(options_.kill_after_ms);
      return;
    case kTermed:
      kept->program.Kill(SIGKILL);
      kept->stage = kKilled;
      return;
    case kServes:
    case kKilled:
      return;
  }
}

void StreamPrograms::NoteEnd(const Lent& kept) {
  const std::string how = InWords(*kept->program.AwaitEnd(Clock::now()));
  if (kept->stage == kStarting)
    Fail("it " + how + " before it was ready" + LastWords(kept->program));
  if (kept->stage != kServes || std::erase(idle_, kept) == 0) return;
  const std::string fault = "it " + how + " although it had no task";
  if (!kept->has_worked) {
    Fail(fault + LastWords(kept->program));
  } else if (!HasLeft(kept->program)) {
    Log(Name() + ": " + fault + "; another one is started when it is needed");
  }
}

// Those that were started side by side fail as one.
void StreamPrograms::Fail(const std::string& why) {
  const Clock::time_point now = Clock::now();
  const std::string line = "cannot run " + Name() + ": " + why;
  if (now < next_start_at_) return;
  ++failures_;
  const auto pause = kBackoff * (int64_t{1} << std::min<size_t>(failures_ - 1, 20));
  next_start_at_ = now + std::min<milliseconds>(pause, kBackoffMax);
  if (has_started_ && failures_ == 1) Log(line + "; trying again");
  if (failures_ < (has_started_ ? kFailuresMax : 1) || Count(kServes) > 0) return;
  if (stop_reason_.empty()) stop_reason_ = line;
  changed_.notify_all();
}

size_t StreamPrograms::Count(int stage) const {
  return static_cast<size_t>(
      std::ranges::count_if(kept_, [&](const Lent& kept) { return kept->stage == stage; }));
}

bool StreamPrograms::MustStart(Clock::time_point now) {
  const size_t starting = Count(kStarting);
  const size_t allowed = failures_ == 0 ? waiting_ : std::min<size_t>(waiting_, 1);
  return !closing_ && stop_reason_.empty() && idle_.empty() && starting < allowed &&
         now >= next_start_at_ && kept_.size() < 2 * options_.programs_max;
}

void StreamPrograms::StartOne() {
  Spawned spawned;
  UniqueFd cancel(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const int error =
      cancel.is_open() ? Spawn(options_.argv, {"TREADLE_STREAM=1"}, guard_.get(), &spawned) : errno;
  Lent kept;
  if (error == 0) {
    kept = std::make_shared<Kept>(std::move(spawned), std::move(cancel), options_.raw_errors,
                                  Clock::now() + milliseconds(options_.start_limit_ms));
    (void)kept->program.Send(StreamHello(options_.type));
  }
  MutexLock lock(mutex_);
  if (kept != nullptr) kept_.push_back(kept);
  if (kept != nullptr && closing_) Dismiss(kept.get(), KillTime());
  if (error == 0) return;
  Fail(std::strerror(error));
  if (!IsPassing(error) && stop_reason_.empty()) {
    stop_reason_ = "cannot run " + Name() + ": " + std::strerror(error);
    changed_.notify_all();
  }
}

}  // namespace treadle::worker
