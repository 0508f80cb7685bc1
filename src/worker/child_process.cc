#include "worker/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <optional>

#include "worker/program.h"
#include "worker/unique_fd.h"

extern char** environ;

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

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

// Not 0, 1 or 2, which the child puts its own in place of.
UniqueFd AboveStandard(int fd) {
  if (fd < 0 || fd > STDERR_FILENO) return UniqueFd(fd);
  UniqueFd low(fd);
  return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

bool Open(Pipe* pipe) {
  std::array<int, 2> fds{};
  if (pipe2(fds.data(), O_CLOEXEC) != 0) return false;
  pipe->read = AboveStandard(fds[0]);
  pipe->write = AboveStandard(fds[1]);
  return pipe->read.is_open() && pipe->write.is_open();
}

void MakeNonblocking(const UniqueFd& fd) {
  fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> WholeEnvironment(const std::vector<std::string>& added) {
  std::vector<std::string> all = added;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('=') + 1);
    const bool is_replaced = std::any_of(added.begin(), added.end(), [&](const std::string& other) {
      return other.starts_with(name);
    });
    if (!is_replaced) all.emplace_back(text);
  }
  return all;
}

// What the child needs between fork() and exec(), where it may allocate nothing.
struct Launch {
  const char* path;
  char* const* argv;
  char* const* environment;
  int in;
  int out;
  int err;
  int failure;  // where the errno of a failed exec() goes; closed by one that succeeds
  pid_t parent;
  const ChildGuard* guard;
};

// The child's signals are those of a fresh program, whatever this one blocks or ignores. The death
// signal comes when the thread that forked ends: that is the one that waits for the child.
[[noreturn]] void Become(const Launch& launch) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != launch.parent) _exit(127);  // it died before the line above
  setpgid(0, 0);
  if (launch.guard != nullptr) launch.guard->Add(getpid());
  for (int signal = 1; signal < NSIG; ++signal) {
    if (signal != SIGKILL && signal != SIGSTOP) ::signal(signal, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const bool is_wired = dup2(launch.in, STDIN_FILENO) >= 0 &&
                        dup2(launch.out, STDOUT_FILENO) >= 0 &&
                        dup2(launch.err, STDERR_FILENO) >= 0;
  if (is_wired) execve(launch.path, launch.argv, launch.environment);
  const int error = errno;
  [[maybe_unused]] const ssize_t written = write(launch.failure, &error, sizeof error);
  _exit(127);
}

class Child {
 public:
  Child(const ChildOptions& options, std::string_view input) : options_(options), input_(input) {}

  /// 0, or the errno that says why it did not start.
  int Start();
  /// Serves the pipes until the end.
  ChildResult Run(const std::stop_token& cancelled);

 private:
  int Spawn(const Pipe& in, const Pipe& out, const Pipe& err);
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
  pid_t pid_ = -1;
  UniqueFd in_;
  UniqueFd out_;
  UniqueFd err_;
  UniqueFd
      exit_;  // a pidfd, readable when the child has ended; closed then, or where there are none
  UniqueFd cancel_;  // an eventfd
  bool has_ended_ = false;
  std::optional<Clock::time_point> kill_at_;
  ChildResult result_;
};

int Child::Start() {
  Pipe in;
  Pipe out;
  Pipe err;
  cancel_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!cancel_.is_open() || !Open(&in) || !Open(&out) || !Open(&err)) return errno;
  if (const int error = Spawn(in, out, err); error != 0) return error;
  exit_ = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  in_ = std::move(in.write);
  out_ = std::move(out.read);
  err_ = std::move(err.read);
  MakeNonblocking(in_);
  MakeNonblocking(out_);
  MakeNonblocking(err_);
  return 0;
}

int Child::Spawn(const Pipe& in, const Pipe& out, const Pipe& err) {
  Pipe failure;
  if (!Open(&failure)) return errno;
  int error = 0;
  const std::string path = FindProgram(options_.argv.front(), &error);
  if (path.empty()) return error;
  const std::vector<std::string> environment = WholeEnvironment(options_.environment);
  const std::vector<char*> argv_pointers = Pointers(options_.argv);
  const std::vector<char*> environment_pointers = Pointers(environment);
  const Launch launch{.path = path.c_str(),
                      .argv = argv_pointers.data(),
                      .environment = environment_pointers.data(),
                      .in = in.read.get(),
                      .out = out.write.get(),
                      .err = err.write.get(),
                      .failure = failure.write.get(),
                      .parent = getpid(),
                      .guard = options_.guard};
  pid_ = fork();
  if (pid_ < 0) return errno;
  if (pid_ == 0) Become(launch);
  failure.write.Close();
  ssize_t size = 0;
  while ((size = read(failure.read.get(), &error, sizeof error)) < 0 && errno == EINTR) {
  }
  if (size != sizeof error) return 0;  // it has become the program
  Reap();
  return error;
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
  return has_ended_ || (!out_.is_open() && !err_.is_open() && !exit_.is_open());
}

void Child::Poll() {
  std::array<pollfd, 5> fds{{{in_.get(), POLLOUT, 0},
                             {out_.get(), POLLIN, 0},
                             {err_.get(), POLLIN, 0},
                             {exit_.get(), POLLIN, 0},
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
  while (in_.is_open()) {
    if (input_.empty()) return in_.Close();
    const ssize_t size = write(in_.get(), input_.data(), input_.size());
    if (size >= 0) {
      input_.remove_prefix(static_cast<size_t>(size));
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR) {
      return in_.Close();  // a child need not read its input
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
  ReadAll(&out_, [this](std::string_view bytes) {
    const size_t room = options_.output_bytes_max - result_.output.size();
    result_.output_too_large = result_.output_too_large || bytes.size() > room;
    result_.output.append(bytes.substr(0, room));
  });
}

void Child::ReadErrors() {
  ReadAll(&err_, [this](std::string_view bytes) {
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
    kill(-pid_, SIGTERM);
  } else if (kill_at_ && Clock::now() >= *kill_at_) {
    kill_at_.reset();
    kill(-pid_, SIGKILL);
  }
}

void Child::Reap() {
  if (options_.guard != nullptr) options_.guard->Remove(pid_);
  if (result_.was_cancelled) kill(-pid_, SIGKILL);  // what the child left of its group
  int status = 0;
  pid_t reaped = 0;
  do {
    reaped = waitpid(pid_, &status, 0);
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
