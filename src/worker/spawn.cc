#include "worker/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "worker/program.h"

extern char** environ;

namespace treadle::worker {
namespace {

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

UniqueFd Nonblocking(UniqueFd fd) {
  fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  return fd;
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
// signal comes when the thread that forked ends.
[[noreturn]] void Become(const Launch& launch) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != launch.parent) _exit(127);  // it died before the line above
  setpgid(0, 0);
  if (launch.guard != nullptr) launch.guard->Add(getpid());
  ::signal(SIGPIPE, SIG_IGN);  // drops what a guard that has died left pending
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

// 0 once the child has become the program; else its errno, and the child is gone.
int AwaitExec(const Pipe& failure, pid_t pid, const ChildGuard* guard) {
  int error = 0;
  ssize_t size = 0;
  while ((size = read(failure.read.get(), &error, sizeof error)) < 0 && errno == EINTR) {
  }
  if (size != sizeof error) return 0;
  if (guard != nullptr) guard->Remove(pid);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return error;
}

}  // namespace

int Spawn(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
          const ChildGuard* guard, Spawned* spawned) {
  Pipe in;
  Pipe out;
  Pipe err;
  Pipe failure;
  if (!Open(&in) || !Open(&out) || !Open(&err) || !Open(&failure)) return errno;
  int error = 0;
  const std::string path = FindProgram(argv.front(), &error);
  if (path.empty()) return error;
  const std::vector<std::string> whole_environment = WholeEnvironment(environment);
  const std::vector<char*> argv_pointers = Pointers(argv);
  const std::vector<char*> environment_pointers = Pointers(whole_environment);
  const Launch launch{.path = path.c_str(),
                      .argv = argv_pointers.data(),
                      .environment = environment_pointers.data(),
                      .in = in.read.get(),
                      .out = out.write.get(),
                      .err = err.write.get(),
                      .failure = failure.write.get(),
                      .parent = getpid(),
                      .guard = guard};
  const pid_t pid = fork();
  if (pid < 0) return errno;
  if (pid == 0) Become(launch);
  failure.write.Close();
  if (error = AwaitExec(failure, pid, guard); error != 0) return error;
  *spawned = {.pid = pid,
              .in = Nonblocking(std::move(in.write)),
              .out = Nonblocking(std::move(out.read)),
              .err = Nonblocking(std::move(err.read)),
              .exit = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)))};
  return 0;
}

}  // namespace treadle::worker
