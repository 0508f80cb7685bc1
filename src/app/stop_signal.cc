#include "app/stop_signal.h"

#include "base/check.h"

namespace treadle::app {

StopSignal::StopSignal(Hangup hangup) {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  if (hangup == Hangup::kReloads) sigaddset(&signals_, SIGHUP);
  TREADLE_CHECK(pthread_sigmask(SIG_BLOCK, &signals_, &before_) == 0);
}

StopSignal::~StopSignal() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

int StopSignal::Wait() {
  int number = 0;
  while (sigwait(&signals_, &number) != 0) continue;
  if (number == SIGHUP) return number;
  pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
  return number;
}

}  // namespace treadle::app
