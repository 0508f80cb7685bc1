#include "worker/child_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <optional>

#include "worker/spawn.h"

namespace treadle::worker {
namespace {

using Clock = std::chrono::steady_clock;

// While it lives, a broken pipe is an error of write(2) in this thread and nothing more.
class SigpipeBlock {
 public:
  SigpipeBlock() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~SigpipeBlock() {
    const timespec now{};
    while (sigtimedwait(&pipe_, nullptr, &now) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  SigpipeBlock(const SigpipeBlock&) = delete;
  SigpipeBlock& operator=(const SigpipeBlock&) = delete;

 private:
  sigset_t pipe_;
  sigset_t before_;
};

class Child {
 public:
  Child(const ChildOptions& options, std::string_view input) : options_(options), input_(input) {}

  /// 0, or the errno that says why it did not start.
  int Start();
  /// Serves the pipes until the end.
  ChildResult Run(const std::stop_token& cancelled);

 private:
  void Poll();
  int PollTimeoutMs() const;
  void WriteInput();
  void ReadOutput();
  void ReadErrors();
  void AdvanceKilling();
  bool IsDone() const;
  void Reap();

  const ChildOptions& options_;
  std::string_view input_;  // what is still to be written
  Spawned child_;
  UniqueFd cancel_;  // an eventfd
  bool has_ended_ = false;
  std::optional<Clock::time_point> kill_at_;
  ChildResult result_;
};

int Child::Start() {
  cancel_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!cancel_.is_open()) return errno;
  return Spawn(options_.argv, options_.environment, options_.guard, &child_);
}

ChildResult Child::Run(const std::stop_token& cancelled) {
  const std::stop_callback wake(cancelled, [fd = cancel_.get()] {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(fd, &one, sizeof one);
  });
  while (!IsDone()) {
    Poll();
    WriteInput();
    ReadOutput();
    ReadErrors();
    if (cancelled.stop_requested()) AdvanceKilling();
  }
  Reap();
  return std::move(result_);
}

// Without a pidfd, the end of both outputs means the end of the child.
bool Child::IsDone() const {
  return has_ended_ || (!child_.out.is_open() && !child_.err.is_open() && !child_.exit.is_open());
}

void Child::Poll() {
  std::array<pollfd, 5> fds{{{child_.in.get(), POLLOUT, 0},
                             {child_.out.get(), POLLIN, 0},
                             {child_.err.get(), POLLIN, 0},
                             {child_.exit.get(), POLLIN, 0},
                             {result_.was_cancelled ? -1 : cancel_.get(), POLLIN, 0}}};
  if (poll(fds.data(), fds.size(), PollTimeoutMs()) <= 0) return;
  // What the child wrote before its end is in the pipes by now, and is read once more.
  has_ended_ = fds[3].revents != 0;
}

int Child::PollTimeoutMs() const {
  if (!kill_at_) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*kill_at_ - Clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 3'600'000));
}

void Child::WriteInput() {
  while (child_.in.is_open()) {
    if (input_.empty()) return child_.in.Close();
    const ssize_t size = write(child_.in.get(), input_.data(), input_.size());
    if (size >= 0) {
      input_.remove_prefix(static_cast<size_t>(size));
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR) {
      return child_.in.Close();  // a child need not read its input
    }
  }
}

// Reads what is there and hands it on; closes `fd` at its end. Takes no more than the largest pipe
// holds, for there are writers that never pause.
template <class Sink>
void ReadAll(UniqueFd* fd, Sink sink) {
  std::array<char, 65536> bytes;
  for (int reads = 0; fd->is_open() && reads < 32; ++reads) {
    const ssize_t size = read(fd->get(), bytes.data(), bytes.size());
    if (size > 0) {
      sink(std::string_view(bytes.data(), static_cast<size_t>(size)));
    } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
      fd->Close();
    } else if (errno == EAGAIN) {
      return;
    }
  }
}

void Child::ReadOutput() {
  ReadAll(&child_.out, [this](std::string_view bytes) {
    const size_t room = options_.output_bytes_max - result_.output.size();
    result_.output_too_large = result_.output_too_large || bytes.size() > room;
    result_.output.append(bytes.substr(0, room));
  });
}

void Child::ReadErrors() {
  ReadAll(&child_.err, [this](std::string_view bytes) {
    if (options_.on_error_text) options_.on_error_text(bytes);
    std::string& tail = result_.error_tail;
    tail.append(bytes);
    if (tail.size() > options_.error_tail_bytes)
      tail.erase(0, tail.size() - options_.error_tail_bytes);
  });
}

void Child::AdvanceKilling() {
  if (has_ended_) return;
  if (!result_.was_cancelled) {
    result_.was_cancelled = true;
    kill_at_ = Clock::now() + std::chrono::milliseconds(options_.kill_after_ms);
    kill(-child_.pid, SIGTERM);
  } else if (kill_at_ && Clock::now() >= *kill_at_) {
    kill_at_.reset();
    kill(-child_.pid, SIGKILL);
  }
}

void Child::Reap() {
  if (options_.guard != nullptr) options_.guard->Remove(child_.pid);
  if (result_.was_cancelled) kill(-child_.pid, SIGKILL);  // what the child left of its group
  int status = 0;
  pid_t reaped = 0;
  do {
    reaped = waitpid(child_.pid, &status, 0);
  } while (reaped < 0 && errno == EINTR);
  if (reaped < 0) result_.spawn_errno = errno;  // someone ignores SIGCHLD, or reaps our children
  result_.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  result_.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

}  // namespace

ChildResult RunChild(const ChildOptions& options, std::string_view input,
                     const std::stop_token& cancelled) {
  const SigpipeBlock no_sigpipe;
  Child child(options, input);
  if (const int error = child.Start(); error != 0) return {.spawn_errno = error};
  return child.Run(cancelled);
}

std::string SignalName(int signal) {
  const char* name = sigabbrev_np(signal);
  return name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(signal);
}

}  // namespace treadle::worker
