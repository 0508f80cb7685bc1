#include "app/descriptors.h"

#include <sys/resource.h>

#include <algorithm>
#include <string>

namespace treadle::app {
namespace {

// The server at work has some 20 open: the journal's segments, the store with its log, the event
// queues of the loops, standard streams.
constexpr uint64_t kOwn = 64;
constexpr uint64_t kConnectionsMin = 16;
constexpr uint64_t kRefusalsMax = 64;

}  // namespace

uint64_t RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1'024;  // of most systems
  rlimit raised = limit;
  raised.rlim_cur = raised.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

Result<DescriptorShares> ShareDescriptors(uint64_t descriptors, uint64_t connections_wanted) {
  if (descriptors < kOwn + kConnectionsMin)
    return Status(Code::kFailedPrecondition,
                  "the limit of open files is " + std::to_string(descriptors) +
                      ", but Treadle needs at least " + std::to_string(kOwn + kConnectionsMin) +
                      "; raise it with `ulimit -n`, or with LimitNOFILE of the service");
  const uint64_t left = descriptors - kOwn;
  const uint64_t refusals = std::min(left / 8, kRefusalsMax);
  return DescriptorShares{
      .connections_max = static_cast<size_t>(std::min(left - refusals, connections_wanted)),
      .refusals_max = static_cast<size_t>(refusals)};
}

}  // namespace treadle::app
