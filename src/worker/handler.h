// Handlers, as the SDK shows them, for the rooms of src/.
#pragma once

#include "treadle/handler.h"

namespace treadle::worker {

/// Lambdas as one visitor of an Outcome.
template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

}  // namespace treadle::worker
