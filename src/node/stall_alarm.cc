#include "node/stall_alarm.h"

#include <utility>

namespace treadle {
namespace {

constexpr int64_t kLookMs = 1'000;
constexpr int64_t kStalledRetryMs = 1'000;

}  // namespace

void StallAlarm::Begin() {
  if (tools_.executor != nullptr) tools_.executor->PostAfter(kLookMs, [this] { Look(); });
}

void StallAlarm::Look() {
  if (stopped_) return;
  LookAt(&journal_);
  LookAt(&store_);
  Begin();
}

void StallAlarm::LookAt(Stall* stall) {
  const int64_t age_ms = tools_.watch->AgeMs(stall->kind, tools_.clock->MonotonicMs());
  if (age_ms < stall->limit_ms) {
    if (std::exchange(stall->said_ms, 0) > 0)
      tools_.log(std::string("the disk of the ") + stall->what + " accepts writes again");
    return;
  }
  if (age_ms < 2 * stall->said_ms) return;
  stall->said_ms = age_ms;
  tools_.log(Describe(*stall, age_ms));
}

std::string StallAlarm::Describe(const Stall& stall, int64_t age_ms) const {
  return std::string("a write to the ") + stall.what + " in " + tools_.directory +
         " has been waiting for the disk for " + std::to_string(age_ms / 1'000) +
         " s; check the disk (dmesg, iostat)";
}

Status StallAlarm::Check() const {
  const int64_t now_ms = tools_.clock->MonotonicMs();
  for (const Stall* const stall : {&journal_, &store_}) {
    const int64_t age_ms = tools_.watch->AgeMs(stall->kind, now_ms);
    if (age_ms >= stall->limit_ms)
      return Status(Code::kUnavailable, Describe(*stall, age_ms)).WithRetryAfter(kStalledRetryMs);
  }
  return {};
}

}  // namespace treadle
