// TREADLE_CHECK: programmer errors stop the process, also in release builds. A queue that continues
// with a broken invariant loses tasks; one that stops is recovered from its journal.
//
// State with it what must hold for the code below to be right: what a caller has to see to, what an
// algorithm keeps, what it has done. Never what input may violate, such as a request, a file or a
// row of the store: that gets a Status.
//
// A check that holds costs a comparison and a jump that is not taken. The failure is out of line
// and marked cold, so that compilers move the call to it out of the way.
#pragma once

namespace treadle {

/// Prints where and what to standard error and aborts.
[[noreturn, gnu::cold]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace treadle

#define TREADLE_CHECK(condition)                              \
  do {                                                        \
    if (!(condition)) [[unlikely]]                            \
      ::treadle::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)
