#include "worker/stop_signals.h"

namespace treadle::worker {

StopSignals::StopSignals(void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  for (size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], nullptr, &before_[i]);
    const bool is_ignored = before_[i].sa_handler == SIG_IGN;
    if (kSignals[i] != SIGHUP || !is_ignored) sigaction(kSignals[i], &action, nullptr);
  }
}

StopSignals::~StopSignals() {
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
}

}  // namespace treadle::worker
