// HandlerSet: what was registered with a Worker: which type runs where, by what, within which time.
// Plain data; one thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "treadle/worker.h"

namespace treadle::worker {

struct HandlerSet {
  struct Entry {
    Handler handler;
    HandleOptions options;
  };

  /// The type's handler with the middleware around it.
  Handler Wrapped(const Handler& handler) const;

  std::map<std::string, Entry> handlers;  // by type
  std::vector<Middleware> middleware;     // the outermost first
  std::vector<PoolOptions> pools;         // the first is the one without a name
};

}  // namespace treadle::worker
