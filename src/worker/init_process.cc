#include "worker/init_process.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace treadle::worker {
namespace {

// Those of this process itself, and those by which a terminal stops those who use it.
constexpr int kNotPassedOn[] = {SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,  SIGTRAP, SIGSYS,
                                SIGABRT, SIGTTIN, SIGTTOU, SIGTSTP, SIGCONT};

// Ends this process once `child` has ended; then the kernel ends all that is left.
void ReapAll(pid_t child) {
  int status = 0;
  pid_t ended = 0;
  while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
    if (ended == child) _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
  }
}

}  // namespace

void BecomeInitIfFirst() {
  if (getpid() != 1) return;
  std::signal(SIGCHLD, SIG_DFL);
  sigset_t waited_for;
  sigset_t before;
  sigfillset(&waited_for);
  for (const int signal : kNotPassedOn) sigdelset(&waited_for, signal);
  sigprocmask(SIG_BLOCK, &waited_for, &before);
  const pid_t child = fork();
  if (child == 0) setpgid(0, 0);  // Ctrl-C reaches it once, by way of this process
  if (child <= 0) {
    sigprocmask(SIG_SETMASK, &before, nullptr);
    return;
  }
  while (true) {
    const int signal = sigwaitinfo(&waited_for, nullptr);
    if (signal == SIGCHLD) {
      ReapAll(child);
    } else if (signal > 0) {
      kill(child, signal);
    }
  }
}

}  // namespace treadle::worker
