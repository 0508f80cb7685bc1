#include "sim/faults.h"

namespace treadle::sim {
namespace {

struct FaultKind {
  std::string_view name;
  // The highest frequency: one in N messages, answers or ticks of Chaos. 0: follows from other
  // kinds. 1: may happen only after another kind, and then does so always or half the time.
  uint64_t often;
};

constexpr FaultKind kKinds[kFaults] = {
    {"power_failure", 8}, {"process_kill", 8},  {"crash_in_checkpoint", 6}, {"orderly_stop", 8},
    {"write_lost", 0},    {"write_kept", 0},    {"write_torn", 0},          {"write_reordered", 0},
    {"bit_flip", 8},      {"sync_failure", 16}, {"disk_full", 16},          {"slow_disk", 4},
    {"request_lost", 6},  {"reply_lost", 6},    {"renewal_lost", 0},        {"doubled", 6},
    {"delayed", 8},       {"reordered", 0},     {"connection_gone", 1},     {"worker_stall", 12},
    {"worker_death", 16}, {"old_token", 1},     {"double_report", 4},       {"blind_retry", 0},
    {"wall_step", 8},     {"burst", 32},        {"forced_checkpoint", 4},
};

}  // namespace

std::string_view FaultName(Fault fault) { return kKinds[static_cast<size_t>(fault)].name; }

Faults::Faults(uint64_t seed) : random_(seed) {
  for (size_t i = 0; i < kFaults; ++i) {
    const bool never = random_.OneIn(4);
    const uint64_t odds = kKinds[i].often << random_.Below(kKinds[i].often == 1 ? 2 : 6);
    if (!never) odds_[i] = odds;
  }
}

bool Faults::Rolls(Fault fault) {
  const uint64_t odds = odds_[static_cast<size_t>(fault)];
  return !stopped_ && odds != 0 && random_.OneIn(odds);
}

bool Faults::Happens(Fault fault) {
  if (!Rolls(fault)) return false;
  Count(fault);
  return true;
}

}  // namespace treadle::sim
