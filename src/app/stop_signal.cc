#include "app/stop_signal.h"

#include <fcntl.h>
#include <unistd.h>

#include <initializer_list>

#include "base/check.h"

namespace treadle::app {
namespace {

// Not any more once it is closed.
bool HasTerminal() {
  const int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

}  // namespace

StopSignal::StopSignal(Hangup hangup) : hangup_(hangup), had_terminal_(HasTerminal()) {
  struct sigaction hangup_now{};
  sigaction(SIGHUP, nullptr, &hangup_now);
  ignores_hangup_ = hangup_now.sa_handler == SIG_IGN;
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  if (hangup == Hangup::kReloads || !ignores_hangup_) sigaddset(&signals_, SIGHUP);
  TREADLE_CHECK(pthread_sigmask(SIG_BLOCK, &signals_, &before_) == 0);
}

StopSignal::~StopSignal() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

bool StopSignal::IsReload(int number) const {
  if (number != SIGHUP || hangup_ == Hangup::kEnds) return false;
  return ignores_hangup_ || !had_terminal_ || HasTerminal();
}

int StopSignal::Pending() const {
  sigset_t pending;
  sigpending(&pending);
  for (const int number : {SIGTERM, SIGINT})
    if (sigismember(&pending, number) == 1) return number;
  return 0;
}

StopSignal::Signal StopSignal::Wait() {
  int number = 0;
  while (sigwait(&signals_, &number) != 0) continue;
  if (IsReload(number)) return {.number = number, .reloads = true};
  pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
  return {.number = number, .reloads = false};
}

}  // namespace treadle::app
