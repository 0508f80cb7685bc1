#include "app/stop_signal.h"

#include "base/check.h"

namespace treadle::app {

StopSignal::StopSignal() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  TREADLE_CHECK(pthread_sigmask(SIG_BLOCK, &signals_, &before_) == 0);
}

StopSignal::~StopSignal() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

int StopSignal::Wait() {
  int number = 0;
  while (sigwait(&signals_, &number) != 0) continue;
  pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
  return number;
}

}  // namespace treadle::app
