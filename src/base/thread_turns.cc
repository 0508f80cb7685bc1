#include "base/thread_turns.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace treadle {
namespace {

// struct sched_attr of linux/sched/types.h in its first version, which glibc 2.36 does not know.
struct SchedulingAttributes {
  uint32_t size = sizeof(SchedulingAttributes);
  uint32_t policy = 0;  // SCHED_OTHER
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime_ns = 0;  // of SCHED_OTHER: the slice
  uint64_t deadline_ns = 0;
  uint64_t period_ns = 0;
};
static_assert(sizeof(SchedulingAttributes) == 48);

constexpr uint64_t kShortTurnNs = 100'000;  // the least that the kernel takes

}  // namespace

void TakeShortTurns() {
  SchedulingAttributes now;
  if (syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) != 0 || now.policy != 0) return;
  now.size = sizeof now;
  now.flags = 0;
  now.runtime_ns = kShortTurnNs;
  (void)!syscall(SYS_sched_setattr, 0, &now, 0);
}

}  // namespace treadle
