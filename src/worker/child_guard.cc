#include "worker/child_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace treadle::worker {
namespace {

constexpr size_t kGroupsMax = 4096;  // four times as many as tasks of a worker

// The guard would look like a second worker in ps, and a pkill for workers would take it along.
void ShowOwnName() {
  static constexpr char kName[] = "treadle-guard";
  prctl(PR_SET_NAME, kName);
  std::array<char, 4096> line;
  const int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  const ssize_t size = fd < 0 ? 0 : read(fd, line.data(), line.size());
  char* const begin = program_invocation_name;  // the first of the words that ps shows
  const size_t first = strnlen(line.data(), static_cast<size_t>(std::max<ssize_t>(size, 0)));
  if (first == 0 || strncmp(begin, line.data(), first) != 0) return;
  memset(begin, 0, static_cast<size_t>(size));
  memcpy(begin, kName, std::min(sizeof kName - 1, static_cast<size_t>(size) - 1));
}

// In the guard, which is a copy of a process that may have had many threads: only what is safe
// after fork().
[[noreturn]] void Guard(int pipe) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  setsid();
  if (chdir("/") != 0) _exit(1);
  ShowOwnName();
  if (pipe > 0) close_range(0, static_cast<unsigned>(pipe) - 1, 0);
  close_range(static_cast<unsigned>(pipe) + 1, ~0U, 0);
  std::array<pid_t, kGroupsMax> groups;
  size_t count = 0;
  pid_t number = 0;
  ssize_t size = 0;
  while ((size = read(pipe, &number, sizeof number)) != 0) {
    if (size != sizeof number) continue;
    pid_t* const end = groups.begin() + count;
    pid_t* const known = std::find(groups.begin(), end, std::abs(number));
    if (number > 0 && known == end && count < kGroupsMax) groups[count++] = number;
    if (number < 0 && known != end) *known = groups[--count];
  }
  for (size_t i = 0; i < count; ++i) kill(-groups[i], SIGKILL);
  _exit(0);
}

}  // namespace

std::unique_ptr<ChildGuard> ChildGuard::Start() {
  std::array<int, 2> fds{};
  if (pipe2(fds.data(), O_CLOEXEC) != 0) return nullptr;
  UniqueFd read_end(fds[0]);
  UniqueFd write_end(fds[1]);
  fcntl(write_end.get(), F_SETFL, O_NONBLOCK);  // a guard that is stopped stops nobody else
  const pid_t pid = fork();
  if (pid < 0) return nullptr;
  if (pid == 0) {
    write_end.Close();
    Guard(read_end.get());
  }
  return std::unique_ptr<ChildGuard>(new ChildGuard(std::move(write_end), pid));
}

ChildGuard::~ChildGuard() {
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void ChildGuard::Tell(pid_t number) const noexcept {
  [[maybe_unused]] const ssize_t written = write(pipe_.get(), &number, sizeof number);
}

}  // namespace treadle::worker
