// Serve: wires the rooms of a server together and runs it. What `treadle server` and `treadle
// start` call.
#pragma once

#include <functional>

#include "cli/cli.h"

namespace treadle::app {

/// The exit status after the node could no longer keep its promises (EX_SOFTWARE of sysexits.h).
/// The process ends at once, and nothing was acknowledged that was not durable.
inline constexpr int kFatalExit = 70;

/// See cli::ServeFn. Returns 0 after SIGTERM or SIGINT.
int Serve(const config::ServerOptions& options,
          const std::function<void(const cli::ServerReady&)>& on_ready);

}  // namespace treadle::app
