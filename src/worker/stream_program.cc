#include "worker/stream_program.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "worker/stream_line.h"

namespace treadle::worker {
namespace {

constexpr size_t kUnsentKept = size_t{64} << 10;           // of memory, when nothing is unsent
constexpr size_t kErrorsKeptMax = (size_t{64} << 10) - 1;  // as of a program for each task

// A broken pipe is an error of write(2) in this thread from now on, and nothing more. Threads of
// handlers have blocked the signal before.
void BlockSigpipe() {
  thread_local const bool is_blocked = [] {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    return pthread_sigmask(SIG_BLOCK, &pipe, nullptr) == 0;
  }();
  static_cast<void>(is_blocked);
}

int PollMs(StreamProgram::Clock::time_point until) {
  if (until == StreamProgram::Clock::time_point::max()) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(until - StreamProgram::Clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 3'600'000));
}

}  // namespace

StreamProgram::StreamProgram(Spawned spawned, UniqueFd cancel, bool raw_errors)
    : spawned_(std::move(spawned)),
      cancel_(std::move(cancel)),
      lines_(kStreamLineBytesMax),
      error_text_(raw_errors) {}

void StreamProgram::BeginTask(bool is_sensitive) {
  sent_bytes_ = 0;
  MutexLock lock(mutex_);
  is_sensitive_ = is_sensitive;
  errors_.clear();
}

bool StreamProgram::HasOutput() {
  if (lines_.IsEmpty()) Read();
  return !lines_.IsEmpty();
}

size_t StreamProgram::Send(std::string_view line) {
  unsent_.append(line);
  Write();
  return unsent_.size();
}

void StreamProgram::Write() {
  BlockSigpipe();
  size_t done = 0;
  while (done < unsent_.size()) {
    const ssize_t size = write(spawned_.in.get(), unsent_.data() + done, unsent_.size() - done);
    if (size >= 0) {
      done += static_cast<size_t>(size);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      is_closed_ = true;
      break;
    }
  }
  sent_bytes_ += done;
  if (done == unsent_.size() && unsent_.capacity() > kUnsentKept)
    unsent_ = {};
  else
    unsent_.erase(0, done);
}

void StreamProgram::Read() {
  const std::span<char> room = lines_.Room();
  const ssize_t size = read(spawned_.out.get(), room.data(), room.size());
  if (size > 0) {
    lines_.Filled(static_cast<size_t>(size));
  } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
    is_closed_ = true;
  }
}

// Of its output, though its input is closed.
bool StreamProgram::HasMore() {
  const size_t before = lines_.size();
  Read();
  return lines_.size() > before;
}

StreamProgram::Event StreamProgram::Wait(Clock::time_point until, std::string_view* line) {
  while (true) {
    if (lines_.Next(line)) return Event::kLine;
    if (lines_.IsTooLong()) return Event::kTooLong;
    if (is_closed_) {
      if (!HasMore()) return Event::kClosed;
      continue;
    }
    // The errors come last: what was written before the line is then seen with it.
    std::array<pollfd, 5> fds{{{spawned_.out.get(), POLLIN, 0},
                               {unsent_.empty() ? -1 : spawned_.in.get(), POLLOUT, 0},
                               {is_cancelled_ ? -1 : cancel_.get(), POLLIN, 0},
                               AwaitedEnd(),
                               AwaitedErrors()}};
    const int ready = poll(fds.data(), fds.size(), PollMs(until));
    if (ready == 0) return Event::kLate;
    if (ready < 0) continue;
    if (fds[4].revents != 0) ReadErrors();
    if (fds[0].revents != 0) {
      Read();
    } else if (fds[3].revents != 0) {
      is_closed_ = true;  // others may still have its output open
    }
    if (fds[1].revents != 0) Write();
    if (fds[2].revents != 0) {
      is_cancelled_ = true;
      return Event::kCancelled;
    }
  }
}

bool StreamProgram::HasReadNothing() const {
  int unread = 0;
  return ioctl(spawned_.in.get(), FIONREAD, &unread) == 0 &&
         static_cast<size_t>(std::max(unread, 0)) >= sent_bytes_;
}

std::optional<StreamProgram::End> StreamProgram::AwaitEnd(Clock::time_point until) {
  MutexLock lock(mutex_);
  while (!end_ && ended_.wait_until(mutex_, until) == std::cv_status::no_timeout) {
  }
  return end_;
}

std::string StreamProgram::TakeErrors() {
  MutexLock lock(mutex_);
  return std::exchange(errors_, {});
}

void StreamProgram::Cancel() const noexcept {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(cancel_.get(), &one, sizeof one);
}

void StreamProgram::Kill(int signal) {
  MutexLock lock(mutex_);
  if (end_ || (signal == SIGTERM && is_killed_)) return;
  is_killed_ = true;
  kill(-spawned_.pid, signal);
}

pollfd StreamProgram::AwaitedErrors() const {
  return {errors_ended_ ? -1 : spawned_.err.get(), POLLIN, 0};
}

void StreamProgram::ReadErrors() {
  MutexLock lock(mutex_);
  std::array<char, 16384> bytes;
  for (int reads = 0; !errors_ended_ && reads < 8; ++reads) {
    const ssize_t size = read(spawned_.err.get(), bytes.data(), bytes.size());
    if (size > 0) {
      const std::string_view text(bytes.data(), static_cast<size_t>(size));
      if (!is_sensitive_) error_text_.Pass(text);
      errors_.append(text);
      if (errors_.size() > kErrorsKeptMax) errors_.erase(0, errors_.size() - kErrorsKeptMax);
    } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
      errors_ended_ = true;
    } else if (errno == EAGAIN) {
      return;
    }
  }
}

bool StreamProgram::Reap(const ChildGuard* guard) {
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(spawned_.pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
      info.si_pid == 0)
    return false;
  ReadErrors();
  MutexLock lock(mutex_);
  if (guard != nullptr) guard->Remove(spawned_.pid);
  if (is_killed_) kill(-spawned_.pid, SIGKILL);
  int status = 0;
  while (waitpid(spawned_.pid, &status, 0) < 0 && errno == EINTR) {
  }
  end_ = End{.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
             .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0};
  ended_.notify_all();
  return true;
}

}  // namespace treadle::worker
