// Canaries: bugs that a test-only build can switch on, one at a time, to see whether the simulation
// finds them. Any other build has none of them, and not a trace of this: CanaryIs() is a constant
// there. sim/canaries.cc lists them; docs/reliability.md has how often each was found.
#pragma once

#include <string_view>

namespace treadle {

#ifdef TREADLE_CANARIES

/// The bug that is switched on; empty: none. Set before anything else happens.
inline std::string_view released_canary;  // NOLINT: the one global, and only in that build

inline bool CanaryIs(std::string_view name) { return released_canary == name; }

#else

constexpr bool CanaryIs(std::string_view) { return false; }

#endif

}  // namespace treadle
