// TREADLE_CHECK: programmer errors stop the process, also in release builds. A queue that continues
// with a broken invariant loses tasks; one that stops is recovered from its journal.
#pragma once

namespace treadle {

/// Prints where and what to standard error and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace treadle

#define TREADLE_CHECK(condition)                              \
  do {                                                        \
    if (!(condition)) [[unlikely]]                            \
      ::treadle::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)
