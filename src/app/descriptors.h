// Descriptors: how many files and connections the system lets the server have open, and who gets
// them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace treadle::app {

struct DescriptorShares {
  size_t connections_max = 0;
  size_t refusals_max = 0;  // further connections, which get a refusal
};

/// Raises the soft limit of this process to the hard one, and returns it.
uint64_t RaiseDescriptorLimit();

/// Shares `descriptors` out: journal, store and the process itself come first, so that no number of
/// connections keeps them from opening a file. FAILED_PRECONDITION if there are too few to serve
/// anybody. Pure.
Result<DescriptorShares> ShareDescriptors(uint64_t descriptors, uint64_t connections_wanted);

}  // namespace treadle::app
